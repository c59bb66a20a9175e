package policy

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/storage"
)

// store answers what policies read under data. Nothing of the World is copied into it: each path that OPA asks for is looked up in
// the facts that came with the transaction, so that evaluations run side by side and there is nothing to keep in step.
type store struct {
	storage.PolicyNotSupported
	storage.TriggersNotSupported
	storage.WritesNotSupported

	data   ast.Value            // of data.json and data.yaml
	params map[string]ast.Value // by the last element of the package
	folded map[string]ast.Value
}

// transaction is one evaluation.
type transaction struct {
	facts *facts // nil: nothing is known of a World
}

// ID is no identity: nothing is written.
func (*transaction) ID() uint64 { return 1 }

func newStore(data, params map[string]any) (*store, error) {
	s := &store{params: map[string]ast.Value{}}
	var err error
	if s.data, err = ast.InterfaceToValue(data); err != nil {
		return nil, err
	}
	for element, p := range params {
		if s.params[element], err = ast.InterfaceToValue(p); err != nil {
			return nil, fmt.Errorf("parameters of %s: %w", element, err)
		}
	}
	return s, nil
}

func (s *store) NewTransaction(context.Context, ...storage.TransactionParams) (storage.Transaction, error) {
	return &transaction{}, nil
}

func (s *store) Commit(context.Context, storage.Transaction) error { return nil }

func (s *store) Abort(context.Context, storage.Transaction) {}

func (s *store) Truncate(context.Context, storage.Transaction, storage.TransactionParams, storage.Iterator) error {
	return &storage.Error{Code: storage.WritesNotSupportedErr}
}

func (s *store) Read(_ context.Context, txn storage.Transaction, path storage.Path) (any, error) {
	t, _ := txn.(*transaction)
	switch {
	case t == nil:
		return nil, &storage.Error{Code: storage.InvalidTransactionErr}
	case len(path) == 0 || len(path) == 1 && path[0] == root:
		return nil, tooMuch(path)
	case path[0] != root:
		return found(s.data, path)
	}
	switch rest := path[2:]; path[1] {
	case "params":
		if len(rest) == 0 {
			return nil, tooMuch(path)
		}
		return found(s.params[rest[0]], rest[1:])
	case folded:
		return found(s.folded[rest[0]], rest[1:])
	case "request":
		if t.facts == nil || t.facts.request == nil {
			return nil, notFound
		}
		if len(rest) > 0 && rest[0] == "oldObject" {
			return found(t.facts.once("old", t.facts.request.old), rest[1:])
		}
		v := t.facts.once("request", t.facts.request.value)
		if len(rest) == 0 {
			if old := t.facts.once("old", t.facts.request.old); old != nil {
				v, _ = v.(ast.Object).Merge(ast.NewObject([2]*ast.Term{ast.StringTerm("oldObject"), ast.NewTerm(old)}))
			}
		}
		return found(v, rest)
	case "mesh":
		if t.facts != nil {
			return t.facts.read(rest)
		}
	}
	return nil, notFound
}

var notFound = &storage.Error{Code: storage.NotFoundErr}

// tooMuch refuses to read everything: it would be built for every object.
func tooMuch(path storage.Path) error {
	return &storage.Error{Code: storage.InternalErr, Message: "all of " + shownPath(path) + " is not read at once: name what is looked for"}
}

func shownPath(path []string) string { return strings.Join(append([]string{"data"}, path...), ".") }

// found walks down a value.
func found(v ast.Value, path []string) (any, error) {
	for _, key := range path {
		var next *ast.Term
		switch x := v.(type) {
		case ast.Object:
			next = x.Get(ast.StringTerm(key))
		case *ast.Array:
			if i, err := strconv.Atoi(key); err == nil && i >= 0 && i < x.Len() {
				next = x.Elem(i)
			}
		}
		if next == nil {
			return nil, notFound
		}
		v = next.Value
	}
	if v == nil {
		return nil, notFound
	}
	return v, nil
}
