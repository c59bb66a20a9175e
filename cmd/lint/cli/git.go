package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// git runs the git binary in a folder.
func git(dir string, stdin []byte, args ...string) ([]byte, error) {
	if dir == "" {
		dir = "."
	}
	var out, errs bytes.Buffer
	cmd := exec.Command("git", append([]string{"-c", "core.quotePath=false"}, args...)...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, bytes.NewReader(stdin), &out, &errs
	if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil { // a hook names the repository around a submodule
		cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GIT_DIR=") })
	}
	err := cmd.Run()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return nil, errors.New("there is no git here: install it, or leave out what asks for it")
	case err != nil && errs.Len() > 0:
		first, _, _ := strings.Cut(strings.TrimSpace(errs.String()), "\n")
		return nil, fmt.Errorf("git %s: %s", args[0], first)
	case err != nil:
		return nil, fmt.Errorf("git %s: %w", args[0], err)
	}
	return out.Bytes(), nil
}

// author is who wrote a line, and when.
type author struct {
	name string
	at   time.Time
}

// blame says who wrote lines of a file, but for their white space. What is not committed, in no repository, or older than a shallow clone
// has no author.
func blame(file string, lines []int) map[int]author {
	shallow := sync.OnceValue(func() bool { // asked for the lines of the oldest commit only
		answer, _ := git(filepath.Dir(file), nil, "rev-parse", "--is-shallow-repository")
		return strings.TrimSpace(string(answer)) == "true"
	})
	args := []string{"blame", "-w", "--line-porcelain"}
	for _, n := range lines {
		args = append(args, fmt.Sprintf("-L%d,%d", n, n))
	}
	text, err := git(filepath.Dir(file), nil, append(args, "--", filepath.Base(file))...)
	if err != nil {
		return nil
	}
	out := map[int]author{}
	line, by, committed := 0, author{}, false
	for _, l := range strings.Split(string(text), "\n") {
		key, value, _ := strings.Cut(l, " ")
		switch {
		case strings.HasPrefix(l, "\t"):
			if committed {
				out[line] = by
			}
			line = 0
		case line == 0 && len(key) >= 40:
			if f := strings.Fields(value); len(f) > 1 {
				line, _ = strconv.Atoi(f[1])
			}
			committed = strings.Trim(key, "0") != ""
		case key == "boundary" && shallow():
			committed = false // whoever made the oldest commit there is
		case key == "author":
			by.name = value
		case key == "author-time":
			seconds, _ := strconv.ParseInt(value, 10, 64)
			by.at = time.Unix(seconds, 0).UTC()
		}
	}
	return out
}

// resolve gives the commit of a repository that is meant.
func (v revision) resolve(top string) (commit string, err error) {
	ask := func(args ...string) (string, error) {
		out, err := git(top, nil, args...)
		return strings.TrimSpace(string(out)), err
	}
	named := func(name string) (string, error) {
		return ask("rev-parse", "--verify", "--quiet", "--end-of-options", name+"^{commit}")
	}
	shallow, _ := ask("rev-parse", "--is-shallow-repository")
	const fetch = "fetch all of it (git fetch --unshallow; fetch-depth: 0 in a workflow)"
	if commit, err = named(v.name); err != nil {
		switch _, remote := named("origin/" + v.name); {
		case remote == nil:
			return "", fmt.Errorf("%s: there is no revision %q here; did you mean %q?", v.said, v.name, "origin/"+v.name)
		case shallow == "true":
			return "", fmt.Errorf("%s: the clone is shallow and has no revision %q: %s", v.said, v.name, fetch)
		}
		return "", fmt.Errorf("%s: there is no revision %q here", v.said, v.name)
	}
	if !v.mergeBase {
		return commit, nil
	}
	base, err := ask("merge-base", commit, "HEAD")
	switch {
	case err == nil:
		return base, nil
	case shallow == "true":
		return "", fmt.Errorf("%s: the clone is shallow and does not have the commit where HEAD left %q: %s", v.said, v.name, fetch)
	}
	return "", fmt.Errorf("%s: HEAD and %q have no commit in common", v.said, v.name)
}

// submodule is one at a path, with the commit that the repository around it says it was at.
type submodule struct{ at, commit string }

// checkOut writes the manifests of a commit, and of its submodules, into a folder, or all of the files: a kustomization can read any. Links
// are left out: they could lead anywhere. The submodules that do not have their commit are absent.
func checkOut(top, commit, dir string, all bool) (absent []submodule, err error) {
	tree, err := git(top, nil, "ls-tree", "-r", "-z", "--full-tree", commit)
	if err != nil {
		return nil, err
	}
	var names []string
	var ids bytes.Buffer
	for _, entry := range strings.Split(string(tree), "\x00") {
		head, name, _ := strings.Cut(entry, "\t")
		f, local := strings.Fields(head), filepath.FromSlash(name)
		switch {
		case len(f) != 3 || !filepath.IsLocal(local):
		case f[1] == "commit":
			lost, err := checkOutSubmodule(submodule{filepath.Join(top, local), f[2]}, filepath.Join(dir, local), all)
			if err != nil {
				return nil, err
			}
			absent = append(absent, lost...)
		case strings.HasPrefix(f[0], "100") && (all || manifestName(name)):
			names = append(names, name)
			fmt.Fprintln(&ids, f[2])
		}
	}
	blobs, err := git(top, ids.Bytes(), "cat-file", "--batch")
	if err != nil {
		return nil, err
	}
	return absent, unpackBlobs(names, blobs, dir)
}

// checkOutSubmodule does it for a submodule. One that is not checked out has no files that could be linted.
func checkOutSubmodule(s submodule, dir string, all bool) (absent []submodule, err error) {
	if _, err := os.Lstat(filepath.Join(s.at, ".git")); err != nil {
		return nil, nil
	}
	if _, err := git(s.at, nil, "cat-file", "-e", s.commit+"^{commit}"); err != nil {
		return []submodule{s}, nil
	}
	return checkOut(s.at, s.commit, dir, all)
}

// unpackBlobs writes what git cat-file --batch gives of files.
func unpackBlobs(names []string, blobs []byte, dir string) error {
	for _, name := range names {
		head, rest, _ := bytes.Cut(blobs, []byte("\n"))
		f := strings.Fields(string(head))
		if len(f) != 3 {
			return fmt.Errorf("git has no content of %s", name)
		}
		size, err := strconv.Atoi(f[2])
		if err != nil || size >= len(rest) {
			return fmt.Errorf("git gives no content of %s", name)
		}
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, rest[:size], 0o600); err != nil {
			return err
		}
		blobs = rest[size+1:]
	}
	return nil
}

// move is a file that has another name, as git tells them.
type move struct{ from, to string }

// moves are the manifests that have moved since a commit, as far as git knows.
func moves(top, commit string) (out []move) {
	text, _ := git(top, nil, "diff", "--name-status", "--find-renames", "--diff-filter=R", "--ignore-submodules", "-z", commit)
	for f := strings.Split(string(text), "\x00"); len(f) > 3; f = f[3:] { // R100, from, to
		if manifestName(f[1]) {
			out = append(out, move{filepath.Join(top, filepath.FromSlash(f[1])), filepath.Join(top, filepath.FromSlash(f[2]))})
		}
	}
	return out
}

func manifestName(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}
