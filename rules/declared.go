package rules

// The rules that the loader and the settings report; they have no Run.

var duplicateObject = &Rule{
	Name: "duplicate-object", Severity: Error, Since: "0.1.0",
	Doc: `The same object twice, with different content

One file or stream has two documents of one kind, namespace and name. kubectl applies them one after another and the last one
wins; everything the first one says is lost.

Fix: merge the two documents, or rename one.`,
}

var syntax = &Rule{
	Name: "syntax", Severity: Error, Unignorable: true, Since: "0.1.0",
	Doc: `A document that does not parse

The document is no YAML or JSON, or it gives one key of a mapping twice: then the last one wins silently. The other documents
of the file are read all the same.

Fix: correct the text at the position given.`,
}

var unknownField = &Rule{
	Name: "unknown-field", Severity: Error, AlsoKnownAs: []string{"IST0106"}, Since: "0.1.0",
	Doc: `A field that the API does not have

The API server drops a field that the CRD's schema does not know, so what it was meant to say never happens: a misspelt
credentialName leaves a server without certificate. Without a near name the finding is a warning, since the schema may be
older than the manifest.

Fix: use the name the finding suggests, or remove the field.`,
}

var invalidValue = &Rule{
	Name: "invalid-value", Severity: Error, AlsoKnownAs: []string{"IST0106"}, Since: "0.1.0",
	Doc: `A value that the CRD's schema refuses

The API server rejects the object: a wrong type, a value outside an enumeration, a missing required field, two fields of which
only one may be set. Of Services, Secrets, workloads, and the kinds that make Secrets and gateways, the types of the fields that
the model reads are checked. Also "*/*" beside other hosts of one server: istiod then replaces the whole list by "*".

Fix: give the value the type and form that the finding names.`,
}

var unusedIgnore = &Rule{
	Name: "unused-ignore", Severity: Warning, Unignorable: true, Since: "0.1.0",
	Doc: `An ignore that does nothing

An ignore that matches no finding, has expired, stands where it is not read, or gives no reason. Left alone it would hide the
next fault of that kind. Also a hand-over of a host (gatelint.io/handover) that is over, or cannot be read.

Fix: remove it, or correct its rule, place, date or reason.`,
}
