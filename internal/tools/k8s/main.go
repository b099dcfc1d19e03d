// Command k8s installs the chart into a real control plane and has the real
// program do its work there:
//
//	go run ./internal/tools/k8s
//
// Each line it prints is something that was seen to be so; it ends with status 1
// at the first thing that is not. The API server, its controllers, its scheduler
// and its admission are real, and so are Helm, Prometheus and Alertmanager. Two
// parts are not: AWS is the embedded one, and since no container can run, the
// program is run by hand as the pod's spec says (see package pod).
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/keyrotator/keyrotator/internal/tools/cluster"
)

func main() {
	ctx, restore := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	restore()
	if err != nil {
		fmt.Fprintln(os.Stderr, "k8s:", err)
		os.Exit(1)
	}
}

// stage is everything that the parts of the test share.
type stage struct {
	cluster *cluster.Cluster
	dir     string // of this run's files
	tools   string // where helm is
	admin   string // the administrator's kubeconfig
	program string // the binary, linked statically
	began   time.Time
}

// sayf prints what was seen, and when.
func (s *stage) sayf(format string, args ...any) {
	fmt.Fprintf(os.Stdout, "%6.1fs  %s\n", time.Since(s.began).Seconds(), fmt.Sprintf(format, args...))
}

func run(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "keyrotator-k8s-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s := &stage{dir: dir, began: time.Now()}
	if err := s.prepare(ctx); err != nil {
		return err
	}
	if s.cluster, err = cluster.Start(ctx, dir, cluster.Options{Pods: true}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.cluster.Close()) }()
	if s.admin, err = s.cluster.AdminKubeconfig(); err != nil {
		return err
	}
	s.sayf("an API server, its controllers and its scheduler run, with a node that takes pods")
	for _, part := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"the newcomer's values", s.newcomer},
		{"the values matrix", s.matrix},
		{"a rotation inside the cluster", s.rotation},
	} {
		if err := part.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", part.what, err)
		}
	}
	s.sayf("done: the chart and the program do in this cluster what their documentation says")
	return nil
}

// prepare builds the program as the image has it, and asks where the tools are.
func (s *stage) prepare(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, "internal/tools/install.sh", "helm").Output()
	if err != nil {
		return fmt.Errorf("find helm: %w", err)
	}
	s.tools = strings.TrimSpace(string(out))
	s.program = filepath.Join(s.dir, "keyrotator")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-tags", "timetzdata", "-o", s.program, "./cmd/keyrotator") //nolint:gosec // a path of ours
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return nil
}
