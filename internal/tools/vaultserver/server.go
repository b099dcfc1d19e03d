// Package vaultserver runs a real Vault for tests: a process of its own, built of
// Vault's own packages by the module internal/tools/vault, that keeps everything
// in memory and listens on the loopback interface.
package vaultserver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Server is a running Vault.
type Server struct {
	// Address is its URL.
	Address string `json:"address"`
	// Token may do everything there. It is worthless anywhere else.
	Token string `json:"token"`

	process *exec.Cmd
	input   io.Closer
}

// Start builds the server if that was not done yet (minutes, the first time) and
// starts it. It ends with the process that started it, or with Close.
func Start(ctx context.Context) (*Server, error) {
	program, err := install(ctx)
	if err != nil {
		return nil, fmt.Errorf("install Vault: %w", err)
	}
	s := &Server{process: exec.Command(program)} //nolint:noctx,gosec // it outlives the test that starts it; the program was just built
	s.process.Stderr = os.Stderr
	input, err := s.process.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start Vault: %w", err)
	}
	s.input = input
	output, err := s.process.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start Vault: %w", err)
	}
	if err := s.process.Start(); err != nil {
		return nil, fmt.Errorf("start Vault: %w", err)
	}
	if err := json.NewDecoder(output).Decode(s); err != nil {
		return nil, errors.Join(fmt.Errorf("read Vault's address: %w", err), s.Close())
	}
	return s, nil
}

// Close stops the server and waits for its end.
func (s *Server) Close() error {
	if err := errors.Join(s.input.Close(), s.process.Wait()); err != nil {
		return fmt.Errorf("stop Vault: %w", err)
	}
	return nil
}

// install builds the server and returns the program's path.
func install(ctx context.Context) (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	script := filepath.Join("internal", "tools", "install.sh")
	for {
		if _, err := os.Stat(filepath.Join(folder, script)); err == nil {
			break
		}
		parent := filepath.Dir(folder)
		if parent == folder {
			return "", fmt.Errorf("no folder above this one has %s", script)
		}
		folder = parent
	}
	command := exec.CommandContext(ctx, filepath.Join(folder, script), "vault") //nolint:gosec // a script of this repository
	command.Stderr = os.Stderr
	bin, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("run %s vault: %w", script, err)
	}
	return filepath.Join(strings.TrimSpace(string(bin)), "vault"), nil
}

// Call makes a call of the API with the token that may do everything, such as
// POST, "sys/mounts/kv". It returns the answer's JSON, nil for an answer without
// any.
func (s *Server) Call(ctx context.Context, method, path string, body any) (map[string]any, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("call Vault: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, method, s.Address+"/v1/"+path, bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("call Vault: %w", err)
	}
	request.Header.Set("X-Vault-Token", s.Token)
	if method == http.MethodPatch {
		request.Header.Set("Content-Type", "application/merge-patch+json")
	}
	answer, err := s.client().Do(request)
	if err != nil {
		return nil, fmt.Errorf("call Vault: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err = io.ReadAll(answer.Body)
	if err != nil {
		return nil, fmt.Errorf("call Vault: %w", err)
	}
	if answer.StatusCode >= 300 {
		return nil, &StatusError{Code: answer.StatusCode, Body: string(text)}
	}
	if len(text) == 0 {
		return map[string]any{}, nil
	}
	var out map[string]any
	if err := json.Unmarshal(text, &out); err != nil {
		return nil, fmt.Errorf("call Vault: %w", err)
	}
	return out, nil
}

func (*Server) client() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
}

// StatusError is an answer that is none of success.
type StatusError struct {
	Code int
	Body string
}

func (e *StatusError) Error() string { return fmt.Sprintf("Vault answered %d: %s", e.Code, e.Body) }
