package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatelint/gatelint/analyzers/manifest"
	"github.com/gatelint/gatelint/rules"
	"github.com/gatelint/gatelint/rules/settings"
	"github.com/stretchr/testify/require"
)

const healthy = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: edge}
spec:
  selector: {istio: edge}
  servers:
  - port: {number: 80, name: http, protocol: HTTP}
    hosts: [shop.example.com]
`

const faulty = healthy + `  - port: {number: 80, name: tcp, protocol: TCP}
    hosts: [shop.example.com]
`

func execute(list []*rules.Rule, in string, args ...string) (code int, out, errs string) {
	var o, e bytes.Buffer
	a := &app{rules: list, version: "v0.0.0-test", stdin: strings.NewReader(in), stdout: &o, stderr: &e}
	code = a.main(args)
	return code, o.String(), e.String()
}

// closed is a standard output that takes nothing.
type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// A report that cannot be written is named by its format.
func TestNothingCanBeWritten(t *testing.T) {
	for _, format := range []string{"text", "json", "sarif"} {
		var errs bytes.Buffer
		a := &app{rules: rules.All(), stdin: strings.NewReader(healthy), stdout: closed{}, stderr: &errs}
		require.Equal(t, exitFailed, a.main([]string{"-o", format, "-"}))
		require.Contains(t, errs.String(), "writing the "+format+" report: ")
	}
}

// Exit codes are the same for every format and for several at once; 2 beats 3 beats 1. With a format for programs on standard
// output nothing else is there, and standard error says nothing of ordinary findings, but where nothing was checked.
func TestExitCodes(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("GITHUB_STEP_SUMMARY", "")
	require.NoError(t, os.WriteFile("healthy.yaml", []byte(healthy), 0o644))
	require.NoError(t, os.WriteFile("faulty.yaml", []byte(faulty), 0o644))
	require.NoError(t, os.WriteFile("warning.yaml", []byte(strings.Replace(healthy, "  selector: {istio: edge}\n", "", 1)), 0o644))
	require.NoError(t, os.WriteFile("broken.yaml", []byte("a: [\n"), 0o644))
	require.NoError(t, os.Mkdir("unreadable", 0o755))
	require.NoError(t, os.WriteFile("unreadable/huge.yaml", nil, 0o644))
	require.NoError(t, os.Truncate("unreadable/huge.yaml", 1<<30)) // of nothing but holes
	require.NoError(t, os.Mkdir("dangling", 0o755))
	require.NoError(t, os.Symlink("nowhere", "dangling/link.yaml"))
	require.NoError(t, os.WriteFile("bad-config.yaml", []byte("version: 7\n"), 0o644))
	require.NoError(t, os.WriteFile("template.yaml", []byte("# nothing\n"), 0o644))
	for _, c := range []struct {
		name string
		args []string
		want int
	}{
		{"healthy", []string{"healthy.yaml"}, exitClean},
		{"no object", []string{"template.yaml"}, exitClean},
		{"warnings", []string{"warning.yaml"}, exitClean},
		{"warnings at the threshold", []string{"warning.yaml", "--fail-on", "warning"}, exitFindings},
		{"findings", []string{"faulty.yaml"}, exitFindings},
		{"broken input", []string{"broken.yaml"}, exitFindings},
		{"findings below the threshold", []string{"faulty.yaml", "--fail-on", "never"}, exitClean},
		{"findings turned off", []string{"faulty.yaml", "--disable", "unmerged-port"}, exitClean},
		{"unreadable", []string{"healthy.yaml", "unreadable"}, exitFailed},
		{"unreadable and findings", []string{"faulty.yaml", "unreadable"}, exitFailed},
		{"dangling link", []string{"healthy.yaml", "dangling"}, exitFindings},
		{"wrong usage", []string{"faulty.yaml", "--fail-on", "fatal"}, exitUsage},
		{"bad config, unreadable and findings", []string{"faulty.yaml", "unreadable", "-c", "bad-config.yaml"}, exitUsage},
		{"no such path and findings", []string{"faulty.yaml", "nosuch.yaml"}, exitUsage},
		{"report cannot be written", []string{"faulty.yaml", "-o", "json=no/such/folder"}, exitFailed},
	} {
		all := []string{}
		for _, format := range formats() {
			all = append(all, "-o", format+"=out."+format)
			t.Run(c.name+" "+format, func(t *testing.T) {
				code, out, errs := execute(rules.All(), "", append(c.args, "-o", format)...)
				require.Equal(t, c.want, code)
				if format == "text" {
					return
				}
				require.Equal(t, code >= exitUsage || c.name == "no object", errs != "", errs)
				if code != exitUsage {
					own, rest := first(out, format)
					require.True(t, own, out)
					require.Empty(t, rest)
				}
			})
		}
		t.Run(c.name+" all at once", func(t *testing.T) {
			code, out, _ := execute(rules.All(), "", append(c.args, all...)...)
			require.Equal(t, c.want, code)
			require.Empty(t, out)
		})
	}
}

// first tells whether output is a report of a format, and gives what follows it.
func first(out, format string) (own bool, rest string) {
	switch format {
	case "json", "sarif", "gitlab":
		d := json.NewDecoder(strings.NewReader(out))
		err := d.Decode(new(any))
		return err == nil, strings.TrimSpace(out[d.InputOffset():])
	case "junit", "checkstyle":
		end := "</testsuites>"
		if format == "checkstyle" {
			end = "</checkstyle>"
		}
		_, rest, own = strings.Cut(out, end)
		return own && strings.HasPrefix(out, "<?xml "), strings.TrimSpace(rest)
	case "markdown":
		return strings.HasPrefix(out, "<!-- gatelint -->\n"), ""
	}
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") { // github and rdjsonl are lines
		if command := strings.HasPrefix(line, "::") || strings.HasPrefix(line, "gatelint: "); format == "github" && !command {
			return false, line
		}
		if format == "rdjsonl" && line != "" && !json.Valid([]byte(line)) {
			return false, line
		}
	}
	return true, ""
}

// An unreadable file does not keep the others from being checked.
func TestUnreadable(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("faulty.yaml", []byte(faulty), 0o644))
	require.NoError(t, os.WriteFile("huge.yaml", nil, 0o644))
	require.NoError(t, os.Truncate("huge.yaml", 1<<30)) // of nothing but holes
	code, out, errs := execute(rules.All(), "", "-o", "json")
	require.Equal(t, exitFailed, code)
	require.Contains(t, errs, "huge.yaml")
	var report reportJSON
	require.NoError(t, json.Unmarshal([]byte(out), &report))
	require.Len(t, report.Findings, 1)
}

// A link to nothing is a fault of the input, that can be overridden and be in a baseline as others.
func TestDanglingLink(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("healthy.yaml", []byte(healthy), 0o644))
	require.NoError(t, os.Symlink("nowhere", "dangling.yaml"))
	code, out, errs := execute(rules.All(), "")
	require.Equal(t, exitFindings, code)
	require.Empty(t, errs)
	require.Contains(t, out, "dangling.yaml:1:1: error: this is a symbolic link to a file that is not there [syntax]")
	code, out, errs = execute(rules.All(), "", "baseline", "create")
	require.Equal(t, exitClean, code, out+errs)
	code, out, errs = execute(rules.All(), "", "--baseline", baselineName)
	require.Equal(t, exitClean, code, out+errs)
}

// A link to a manifest is that manifest: its faults stand once, and are as old as those of what it leads to.
func TestLinkedManifest(t *testing.T) {
	t.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	for _, name := range []string{"AUTHOR", "COMMITTER"} {
		t.Setenv("GIT_"+name+"_NAME", "t")
		t.Setenv("GIT_"+name+"_EMAIL", "t@example.com")
	}
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("m.yaml", []byte(faulty), 0o644))
	require.NoError(t, os.Symlink("m.yaml", "a.yaml"))
	require.NoError(t, os.Symlink("m.yaml", "z.yaml"))
	for _, args := range [][]string{{"init", "-q", "."}, {"add", "."}, {"commit", "-qm", "one"}} {
		_, err := git("", nil, args...)
		require.NoError(t, err)
	}
	_, out, errs := execute(rules.All(), "", "-o", "checkstyle")
	require.Equal(t, 1, strings.Count(out, "<error "), out+errs)
	_, out, errs = execute(rules.All(), "", "-o", "checkstyle", "--new-from", "HEAD")
	require.NotContains(t, out, "<error ", errs)
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestBrokenOutput(t *testing.T) {
	for _, args := range [][]string{{"-"}, {"-", "-o", "json"}, {"rules"}, {"version"}, {"explain", "syntax"}} {
		a := &app{rules: rules.All(), stdin: strings.NewReader(faulty), stdout: brokenPipe{}, stderr: io.Discard}
		require.Equal(t, exitFailed, a.main(args), args)
	}
}

// Who reads a report from a pipe may go before its end.
func TestPipe(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, syscall.Mkfifo("pipe", 0o600))
	go func() {
		pipe, err := os.Open("pipe")
		if err == nil {
			_, _ = pipe.Read(make([]byte, 1))
			pipe.Close()
		}
	}()
	code, _, errs := execute(rules.All(), faulty, "-", "-o", "sarif=pipe")
	require.Equal(t, exitFailed, code)
	require.Contains(t, errs, "writing the sarif report: write pipe: broken pipe")
}

// A rule that panics is an internal error, not a finding and not a crash.
func TestPanic(t *testing.T) {
	list := []*rules.Rule{{Name: "broken", Run: func(*rules.Pass) { panic("oh") }}}
	code, out, errs := execute(list, healthy, "-")
	require.Equal(t, exitFailed, code)
	require.Empty(t, out)
	require.Contains(t, errs, "internal error")
}

// Two identical faults in two files with one rule list of our own: related ends without a message, witness absent.
func TestFindingOfOwnRule(t *testing.T) {
	list := []*rules.Rule{{
		Name: "any-gateway", Severity: rules.Warning,
		Doc: "A gateway\n\nGateways are there. Do\nnothing.",
		Run: func(p *rules.Pass) {
			for _, g := range p.World.Gateways {
				p.Report(rules.Fault{On: g.Object, Path: []any{"spec", "nosuch"}, Message: "gateway\nseen", Severity: rules.Warning, Ends: []rules.End{{On: g.Object}}})
			}
		},
	}}
	code, out, _ := execute(list, healthy, "-")
	require.Equal(t, exitClean, code)
	require.Contains(t, out, "<stdin>:5:3: warning: gateway seen [any-gateway]\n")
	require.Contains(t, out, "note: the other end is Gateway edge/public\n")
	require.Contains(t, out, "help: Do nothing (gatelint explain any-gateway)\n")
}

func TestProgress(t *testing.T) {
	var quick, slow bytes.Buffer
	checking := func() string { return "checking" }
	showProgress(&quick, time.Hour, checking)()
	require.Empty(t, quick.String())
	done := showProgress(&slow, time.Millisecond, checking)
	time.Sleep(50 * time.Millisecond)
	done()
	require.Contains(t, slow.String(), "gatelint: checking")
	require.True(t, strings.HasSuffix(slow.String(), "\r\x1b[K"))
	require.False(t, isTerminal(&slow))
}

func TestExcerpt(t *testing.T) {
	long := strings.Repeat("é", 300)
	for _, c := range []struct {
		text         string
		pos          manifest.Pos
		line, carets string
	}{
		{"  a: bc", manifest.Pos{Line: 1, Column: 6, EndLine: 1, EndColumn: 8}, "  a: bc", "     ^^"},
		{"  a: bc  ", manifest.Pos{Line: 1, Column: 6, EndLine: 4, EndColumn: 2}, "  a: bc  ", "     ^^"},
		{"a:", manifest.Pos{Line: 1, Column: 3, EndLine: 1, EndColumn: 3}, "a:", "  ^"},
		{"\ta\x1b", manifest.Pos{Line: 1, Column: 2, EndLine: 1, EndColumn: 4}, " a\ufffd", " ^^"},
		{"", manifest.Pos{Line: 1, Column: 9, EndLine: 1, EndColumn: 9}, "", "^"},
		{long, manifest.Pos{Line: 1, Column: 1, EndLine: 1, EndColumn: 2}, strings.Repeat("é", maxExcerpt) + "…", "^"},
		{long, manifest.Pos{Line: 1, Column: 300, EndLine: 1, EndColumn: 301}, "…" + strings.Repeat("é", maxExcerpt), strings.Repeat(" ", maxExcerpt) + "^"},
	} {
		line, carets := excerpt(c.text, c.pos)
		require.Equal(t, c.line, line)
		require.Equal(t, c.carets, carets)
	}
}

// What config show prints is a config that says the same.
func TestConfigShow(t *testing.T) {
	t.Chdir(t.TempDir())
	text := "version: 1\nrules: {no-effect: off, unmerged-port: {severity: info, admission: deny}}\nistio: {revision: 1}\n" +
		"exceptions: [{rules: [no-effect], objects: [{name: 'a: b'}], reason: '# \"c\"', until: 2027-01-02}]\n"
	require.NoError(t, os.WriteFile(settings.FileName, []byte(text), 0o644))
	code, out, errs := execute(rules.All(), "", "config", "show")
	require.Equal(t, exitClean, code, errs)
	want, err := settings.Parse([]byte(text), "c", rules.All())
	require.NoError(t, err)
	got, err := settings.Parse([]byte(out), "c", rules.All())
	require.NoError(t, err)
	require.Equal(t, want.Rules, got.Rules)
	for i := range want.Exceptions {
		want.Exceptions[i].Pos = got.Exceptions[i].Pos
	}
	require.Equal(t, want.Exceptions, got.Exceptions)
	require.Equal(t, settings.Istio{Version: settings.Release, ClusterDomain: "cluster.local", RootNamespace: "istio-system", Revision: "1"}, got.Istio)
}

// What cannot be compared is wrong usage, with the way out.
func TestNewFromErrors(t *testing.T) {
	for name, value := range gitSettings {
		t.Setenv(name, value)
	}
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("faulty.yaml", []byte(faulty), 0o644))
	for _, args := range [][]string{{"init", "-q", "-b", "main", "."}, {"add", "."}, {"commit", "-qm", "one"}, {"commit", "-q", "--allow-empty", "-m", "two"}} {
		_, err := git("", nil, args...)
		require.NoError(t, err)
	}
	dir, err := os.Getwd()
	require.NoError(t, err)
	clone := t.TempDir()
	_, err = git(clone, nil, "clone", "-q", "--depth", "1", "--branch", "main", "file://"+dir, "shallow")
	require.NoError(t, err)
	t.Chdir(clone + "/shallow")
	for want, args := range map[string][]string{
		`--new-from: the clone is shallow and has no revision "HEAD~1": fetch all of it`: {"--new-from", "HEAD~1"},
		`--new-from: the clone is shallow and has no revision "nowhere"`:                 {"--new-from", "nowhere"},
	} {
		code, out, errs := execute(rules.All(), "", args...)
		require.Equal(t, exitUsage, code)
		require.Empty(t, out)
		require.Contains(t, errs, want)
	}
	_, err = git("", nil, "checkout", "-q", "--detach")
	require.NoError(t, err)
	_, err = git("", nil, "branch", "-D", "main")
	require.NoError(t, err)
	code, _, errs := execute(rules.All(), "", "--new-from-merge-base", "main")
	require.Equal(t, exitUsage, code)
	require.Contains(t, errs, `there is no revision "main" here; did you mean "origin/main"?`)
	code, _, _ = execute(rules.All(), "", "--new-from-merge-base", "origin/main")
	require.Equal(t, exitClean, code)
	t.Setenv("PATH", "")
	code, _, errs = execute(rules.All(), "", "--new-from", "HEAD")
	require.Equal(t, exitUsage, code)
	require.Contains(t, errs, "--new-from: there is no git here")
}

// The owner of a line is who wrote it: not who has changed line ends, nor who made the oldest commit that a shallow clone has.
func TestBlame(t *testing.T) {
	for name, value := range gitSettings {
		t.Setenv(name, value)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "a.yaml")
	commit := func(author, text string) {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
		_, err := git(dir, nil, "add", ".")
		require.NoError(t, err)
		_, err = git(dir, nil, "-c", "core.autocrlf=false", "commit", "-qm", "x", "--author", author+" <"+author+"@example.com>")
		require.NoError(t, err)
	}
	_, err := git(dir, nil, "init", "-q", "-b", "main", ".")
	require.NoError(t, err)
	commit("Ann", "a: 1\n")
	commit("Bob", "a: 1\r\n")
	commit("Carol", "a: 1\r\nb: 2\r\n")
	authors := blame(file, []int{1, 2})
	require.Equal(t, "Ann", authors[1].name)
	require.Equal(t, "Carol", authors[2].name)
	for depth, want := range map[string]map[int]string{"1": {}, "2": {2: "Carol"}} {
		clone := t.TempDir()
		_, err = git(clone, nil, "clone", "-q", "--depth", depth, "file://"+dir, "shallow")
		require.NoError(t, err)
		got := map[int]string{}
		for line, by := range blame(filepath.Join(clone, "shallow", "a.yaml"), []int{1, 2}) {
			got[line] = by.name
		}
		require.Equal(t, want, got)
	}
}

// The old tree has the manifests as they were, whatever their names, and nothing that leads out of it.
func TestCheckOut(t *testing.T) {
	for name, value := range gitSettings {
		t.Setenv(name, value)
	}
	repo := t.TempDir()
	t.Chdir(repo)
	require.NoError(t, os.MkdirAll("sub/deep", 0o755))
	want := map[string]string{"sub/deep/ü \"b\"\n.yaml": "a: 1\n", "empty.YML": "", "no-newline.json": "{}", "binary.yaml": "\x00\n\x00"}
	for name, data := range want {
		require.NoError(t, os.WriteFile(name, []byte(data), 0o644))
	}
	require.NoError(t, os.WriteFile("notes.txt", nil, 0o644))
	require.NoError(t, os.Symlink("/etc/hostname", "link.yaml"))
	for _, args := range [][]string{{"init", "-q", "."}, {"add", "."}, {"commit", "-qm", "one"}} {
		_, err := git("", nil, args...)
		require.NoError(t, err)
	}
	require.NoError(t, os.Remove("no-newline.json"))
	dir := t.TempDir()
	absent, err := checkOut(repo, "HEAD", dir, false)
	require.NoError(t, err)
	require.Empty(t, absent)
	got := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(file string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			data, err := os.ReadFile(file)
			require.NoError(t, err)
			got[strings.TrimPrefix(file, dir+"/")] = string(data)
		}
		return err
	}))
	require.Equal(t, want, got)
}

// A glob of a config above the working directory means the same files from here.
func TestGlobFromHere(t *testing.T) {
	base := t.TempDir()
	require.NoError(t, os.MkdirAll(base+"/deploy/web", 0o755))
	t.Chdir(base + "/deploy/web")
	dir, err := os.Getwd()
	require.NoError(t, err)
	r := &request{base: strings.TrimSuffix(dir, "/deploy/web")}
	for glob, want := range map[string]string{
		"**/vendor": "**/vendor", "deploy/web/old/*": "old/*", "*/web/x.yaml": "x.yaml", "other/**": "../../other/**",
		"deploy/api": "../api", "deploy": "**", "deploy/web": "**", "deploy/**/x.yaml": "**/x.yaml", "./deploy/web/x": "x",
	} {
		got, err := r.fromHere(glob)
		require.NoError(t, err)
		require.Equal(t, want, got, glob)
	}
	r.base = dir + "/config"
	got, err := r.fromHere("a/*")
	require.NoError(t, err)
	require.Equal(t, "config/a/*", got)
}

// A config can come from a pipe, which is read once.
func TestConfigOfAPipe(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no /dev/fd")
	}
	t.Chdir(t.TempDir())
	for _, args := range [][]string{{"config", "verify"}, {"rules", "-c"}} {
		r, w, err := os.Pipe()
		require.NoError(t, err)
		_, err = w.WriteString("version: 1\npolicies: library:host-ownership\n")
		require.NoError(t, errors.Join(err, w.Close()))
		require.Contains(t, run(nil, append(args, fmt.Sprintf("/dev/fd/%d", r.Fd()))), "[exit 0]")
		require.NoError(t, r.Close())
	}
}
