package main

import (
	"archive/tar"
	"bufio"
	"debug/elf"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatelint/gatelint/fixtures/guide"
)

// registry serves images in memory while a test runs.
func registry(t *testing.T, env []string) (host string) {
	cmd := exec.Command("sh", "-c", "exec crane registry serve --address 127.0.0.1:0")
	cmd.Env = append(os.Environ(), env...)
	log, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	r := bufio.NewReader(log)
	line, err := r.ReadString('\n')
	require.NoError(t, err)
	_, port, found := strings.Cut(strings.TrimSpace(line), "serving on port ")
	require.True(t, found, line)
	go func() { _, _ = io.Copy(io.Discard, r) }()
	return "127.0.0.1:" + port
}

// TestImage builds and pushes the webhook's image as CONTRIBUTING.md says, over an empty base with the user of the real one: that is in a
// registry of the network.
func TestImage(t *testing.T) {
	env := guides(t)
	page, err := guide.Read("../../CONTRIBUTING.md")
	require.NoError(t, err)
	const command = "KO_DOCKER_REPO=… make image"
	require.Contains(t, page.Said(), command)
	dir := t.TempDir()
	host := registry(t, env)
	base, image := host+"/base", host+"/webhook"
	must(t, dir, env, "sh", "-c", fmt.Sprintf("tar -cf empty.tar -T %s && crane append --oci-empty-base -f empty.tar -t %[2]s && "+
		"crane mutate --user 65532 --set-platform linux/amd64 %[2]s -t %[2]s", os.DevNull, base))
	env = append(env, "KO_DEFAULTBASEIMAGE="+base, "KO_DEFAULTPLATFORMS=linux/amd64")
	must(t, "../..", env, "sh", "-c", strings.Replace(command, "…", image, 1))

	var of struct {
		Config struct {
			Entrypoint []string
			User       string
		}
	}
	require.NoError(t, json.Unmarshal([]byte(must(t, dir, env, "sh", "-c", "crane config "+image)), &of))
	require.Equal(t, []string{"/ko-app/webhook"}, of.Config.Entrypoint)
	require.Equal(t, "65532", of.Config.User)
	must(t, dir, env, "sh", "-c", "crane export "+image+" image.tar")
	f, err := os.Open(filepath.Join(dir, "image.tar"))
	require.NoError(t, err)
	defer f.Close()
	program := filepath.Join(dir, "webhook")
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		require.NoError(t, err, "no ko-app/webhook")
		if strings.TrimPrefix(h.Name, "/") == "ko-app/webhook" {
			data, err := io.ReadAll(r)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(program, data, 0o755))
			break
		}
	}
	binary, err := elf.Open(program)
	require.NoError(t, err)
	defer binary.Close()
	for _, p := range binary.Progs {
		require.NotEqual(t, elf.PT_INTERP, p.Type, "it is not static, and the base has no libraries")
	}
	require.Contains(t, must(t, dir, env, program, "--version"), "gatelint-webhook")
}
