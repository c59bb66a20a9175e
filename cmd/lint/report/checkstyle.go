package report

import (
	"encoding/xml"
	"io"
)

type (
	checkstyleReport struct {
		XMLName xml.Name         `xml:"checkstyle"`
		Version string           `xml:"version,attr"`
		Files   []checkstyleFile `xml:"file"`
	}
	checkstyleFile struct {
		Name   string            `xml:"name,attr"`
		Errors []checkstyleError `xml:"error"`
	}
	checkstyleError struct {
		Line     int    `xml:"line,attr"`
		Column   int    `xml:"column,attr"`
		Severity string `xml:"severity,attr"`
		Message  string `xml:"message,attr"`
		Source   string `xml:"source,attr"`
	}
)

// checkstyle writes Checkstyle's XML, which Jenkins and many others read. Paths are as given: readers run in the same folder.
func checkstyle(w io.Writer, r *Report) error {
	out := checkstyleReport{Version: "5.0"}
	for _, g := range r.loud().byFile() {
		file := checkstyleFile{Name: g.file}
		for _, f := range g.findings {
			pos := place(f.Pos, f.Object)
			file.Errors = append(file.Errors, checkstyleError{pos.Line, pos.Column, f.Severity.String(), r.sentence(f, asGiven), "gatelint." + f.Rule})
		}
		out.Files = append(out.Files, file)
	}
	return writeXML(w, out)
}

// writeXML writes a document. The encoder replaces characters that XML does not allow.
func writeXML(w io.Writer, v any) error {
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}
