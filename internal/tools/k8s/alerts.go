package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/goccy/go-yaml"
)

// paused is the alert that the test raises: an operator pauses everything.
const paused = "KeyrotatorAllPaused"

// alerts has Prometheus scrape the program with the chart's rules: an alert
// reaches Alertmanager, whose receiver hears that it fires and that it is over.
func (s *stage) alerts(ctx context.Context, d *daemon, port string) (err error) {
	rules, err := s.rules(ctx)
	if err != nil {
		return err
	}
	heard, receiver, closeReceiver, err := receive(ctx)
	if err != nil {
		return err
	}
	defer closeReceiver()
	manager, err := s.startAlertmanager(ctx, receiver)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, manager.end()) }()
	prometheus, err := s.startPrometheus(ctx, rules, port, manager.address)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, prometheus.end()) }()

	if err := d.command(ctx, "pause", "--all", "--config", configPath, "--why", "a test of the alert"); err != nil {
		return err
	}
	if err := s.hears(ctx, heard, "firing"); err != nil {
		return err
	}
	s.sayf("keyrotator pause --all: Prometheus fired %s, Alertmanager told its receiver", paused)
	if err := d.command(ctx, "resume", "--all", "--config", configPath); err != nil {
		return err
	}
	if err := s.hears(ctx, heard, "resolved"); err != nil {
		return err
	}
	s.sayf("keyrotator resume --all: the alert is resolved, and the receiver was told")
	return nil
}

// configPath is where the chart mounts the configuration.
const configPath = "/etc/keyrotator/keyrotator.yaml"

// rules renders the chart's rules, with one alert that needs no patience, as a
// file for Prometheus.
func (s *stage) rules(ctx context.Context) (string, error) {
	rendered, err := s.helm(ctx, "template", ours, chart, "--namespace", ours, "--values", filepath.Join(s.dir, "rotation.yaml"),
		"--show-only", "templates/prometheusrule.yaml", "--set", "alerts.enabled=true,alerts.keepFiringFor=",
		"--set", "alerts.rules."+paused+".longerThan=2s,alerts.rules."+paused+".for=0s")
	if err != nil {
		return "", err
	}
	var rule struct {
		Spec map[string]any `yaml:"spec"`
	}
	if err := yaml.Unmarshal([]byte(rendered), &rule); err != nil {
		return "", err
	}
	text, err := yaml.Marshal(rule.Spec)
	if err != nil {
		return "", err
	}
	file := filepath.Join(s.dir, "rules.yaml")
	return file, os.WriteFile(file, text, 0o600)
}

// told is one alert as a receiver hears it.
type told struct {
	Status string            `json:"status"`
	Labels map[string]string `json:"labels"`
}

// receive listens for what Alertmanager tells.
func receive(ctx context.Context) (<-chan told, string, func(), error) {
	heard := make(chan told, 1000)
	socket, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", nil, err
	}
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var message struct {
			Alerts []told `json:"alerts"`
		}
		_ = json.NewDecoder(r.Body).Decode(&message) // whoever waits for it says that it did not come
		for _, alert := range message.Alerts {
			heard <- alert
		}
	})}
	go func() { _ = server.Serve(socket) }() // it ends with Close
	return heard, "http://" + socket.Addr().String(), func() { _ = server.Close() }, nil
}

// hears waits until the receiver is told of the alert.
func (s *stage) hears(ctx context.Context, heard <-chan told, status string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		select {
		case alert := <-heard:
			switch {
			case alert.Labels["alertname"] == paused && alert.Status == status:
				return nil
			case alert.Labels["alertname"] != paused:
				return fmt.Errorf("%s is %s, and nothing is wrong but that all is paused", alert.Labels["alertname"], alert.Status)
			}
		case <-ctx.Done():
			return fmt.Errorf("wait until %s is %s: %w", paused, status, ctx.Err())
		}
	}
}

// server is one that the test started.
type server struct {
	cmd     *exec.Cmd
	address string
}

// end kills it: nothing of it is worth an orderly end.
func (s *server) end() error {
	err := s.cmd.Process.Signal(syscall.SIGKILL)
	_ = s.cmd.Wait() // it was killed
	return err
}

func (s *stage) startAlertmanager(ctx context.Context, receiver string) (*server, error) {
	config := map[string]any{
		"route":     map[string]any{"receiver": "test", "group_wait": "0s", "group_interval": "1s", "repeat_interval": "1h", "group_by": []string{"alertname"}},
		"receivers": []any{map[string]any{"name": "test", "webhook_configs": []any{map[string]any{"url": receiver, "send_resolved": true}}}},
	}
	return s.start(ctx, "prometheus-alertmanager", config, "/-/ready", "--cluster.listen-address=")
}

func (s *stage) startPrometheus(ctx context.Context, rules, port, manager string) (*server, error) {
	targets := func(address string) []any { return []any{map[string]any{"targets": []string{address}}} }
	config := map[string]any{
		"global":     map[string]any{"scrape_interval": "1s", "evaluation_interval": "1s"},
		"rule_files": []string{rules},
		"alerting":   map[string]any{"alertmanagers": []any{map[string]any{"static_configs": targets(manager)}}},
		"scrape_configs": []any{map[string]any{"job_name": ours, "static_configs": []any{map[string]any{
			"targets": []string{"127.0.0.1:" + port}, "labels": map[string]string{"namespace": ours},
		}}}},
	}
	return s.start(ctx, "prometheus", config, "/-/ready")
}

// start starts a server of Debian's on a free port and waits until it is ready.
func (s *stage) start(ctx context.Context, name string, config map[string]any, ready string, flags ...string) (*server, error) {
	text, err := json.Marshal(config) // JSON is YAML
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(s.dir, name)
	file := filepath.Join(dir, "config.yaml")
	if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(file, text, 0o600)); err != nil {
		return nil, err
	}
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the program has it open
	storage := map[bool]string{true: "--storage.tsdb.path=", false: "--storage.path="}[name == "prometheus"]
	flags = append(flags, "--config.file="+file, storage+filepath.Join(dir, "data"), "--web.listen-address=127.0.0.1:"+port)
	cmd := exec.CommandContext(ctx, name, flags...) //nolint:gosec // Debian's programs
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	started := &server{cmd: cmd, address: "127.0.0.1:" + port}
	err = s.eventually(ctx, name+" is ready", func() (bool, error) { return says(ctx, "http://"+started.address+ready) })
	if err != nil {
		said, _ := os.ReadFile(filepath.Join(dir, "log")) // only for the message
		return nil, errors.Join(err, fmt.Errorf("%s said:\n%s", name, said), started.end())
	}
	return started, nil
}
