package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
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

// blame says who wrote lines of a file. What is not committed, or in no repository, has no author.
func blame(file string, lines []int) map[int]author {
	args := []string{"blame", "--line-porcelain"}
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
		case key == "author":
			by.name = value
		case key == "author-time":
			seconds, _ := strconv.ParseInt(value, 10, 64)
			by.at = time.Unix(seconds, 0).UTC()
		}
	}
	return out
}
