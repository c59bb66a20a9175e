package fix

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
)

// Mark is the byte order mark, which texts here are without.
var Mark = []byte("\xef\xbb\xbf")

// Write gives a file another text, at once or not at all, with the mode it has. A symbolic link stays one: what it names is
// written. A file of several names keeps them, and is written in place. A byte order mark, which neither text has, stays too. A file
// that no longer holds the old text is left alone.
func Write(name string, before, after []byte) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("writing %s: %w", filepath.ToSlash(name), err)
		}
	}()
	real, err := filepath.EvalSymlinks(name)
	if err != nil {
		return err
	}
	old, err := os.OpenFile(real, os.O_RDWR, 0) // a file that may not be written is not replaced either
	if err != nil {
		return err
	}
	info, err := old.Stat()
	old.Close()
	if err != nil {
		return err
	}
	data, err := os.ReadFile(real)
	switch {
	case err != nil:
		return err
	case bytes.Equal(bytes.TrimPrefix(data, Mark), after):
		return nil // by another name of the file
	case !bytes.Equal(bytes.TrimPrefix(data, Mark), before):
		return errors.New("it has changed meanwhile")
	case bytes.HasPrefix(data, Mark):
		after = append(bytes.Clone(Mark), after...)
	}
	if links(info) > 1 {
		return os.WriteFile(real, after, info.Mode())
	}
	f, err := os.CreateTemp(filepath.Dir(real), ".gatelint-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone already, if all went well
	_, err = f.Write(after)
	err = errors.Join(err, f.Chmod(info.Mode()), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), real)
}

// links is the number of names of a file. Windows does not tell.
func links(info fs.FileInfo) uint64 {
	if n := reflect.Indirect(reflect.ValueOf(info.Sys())).FieldByName("Nlink"); n.IsValid() {
		return n.Uint()
	}
	return 1
}
