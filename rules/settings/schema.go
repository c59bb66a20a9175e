package settings

import _ "embed"

// Schema is the JSON Schema of the config file, for editors and the documentation. A test holds it to the parser.
//
//go:embed schema.json
var Schema []byte
