// Package cluster starts real Kubernetes clusters for tests, of the programs
// that internal/tools/kubernetes pins: etcd and the API server, and where pods
// have to run, the controllers, the scheduler and kwok, which plays the kubelet
// of one node. Everything lies in a folder of its own, listens on loopback
// alone, and is stopped when the test ends. Where the programs are not built
// the test fails and says what to run: a test that is left out proves nothing.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Options of a cluster. The zero value has an API server and no controllers.
type Options struct {
	// Pods adds what makes workloads run: controllers, scheduler, and a node.
	Pods bool
}

// patience bounds how long a part may take to start. It is far above what one
// takes (3 to 8 s for all), because the machine may be busy with other tests.
const patience = 2 * time.Minute

// Cluster is one Kubernetes cluster. Make it with Start and end it with Close.
type Cluster struct {
	bin, dir string
	port     int
	token    string // of an administrator
	parts    []*part
	kubelet  *part
	client   *client
}

// part is one of the cluster's programs.
type part struct {
	name  string
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has ended, for whatever reason
}

// Start makes a cluster in a folder below dir.
func Start(ctx context.Context, dir string, options Options) (*Cluster, error) {
	bin, err := binaries(ctx)
	if err != nil {
		return nil, err
	}
	c := &Cluster{bin: bin, dir: filepath.Join(dir, "cluster")}
	if err := c.up(ctx, options); err != nil {
		return nil, errors.Join(fmt.Errorf("start a cluster: %w", err), c.Close())
	}
	return c, nil
}

// binaries asks the script that builds the programs where they are.
func binaries(ctx context.Context) (string, error) {
	at, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		script := filepath.Join(at, "internal", "tools", "install.sh")
		if _, err := os.Stat(script); err == nil {
			out, err := exec.CommandContext(ctx, script, "kubernetes", "--built").CombinedOutput() //nolint:gosec // the script of this very tree
			if err != nil {
				return "", fmt.Errorf("find the programs of Kubernetes: %w: %s", err, out)
			}
			return strings.TrimSpace(string(out)), nil
		}
		if at == filepath.Dir(at) {
			return "", errors.New("find the programs of Kubernetes: no internal/tools/install.sh above this folder")
		}
		at = filepath.Dir(at)
	}
}

func (c *Cluster) up(ctx context.Context, options Options) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := c.prepare(); err != nil {
		return err
	}
	ports, err := freePorts(ctx, 3)
	if err != nil {
		return err
	}
	c.port = ports[0]
	client, peer := "http://"+address(ports[1]), "http://"+address(ports[2])
	if err := c.start("etcd",
		"--data-dir="+filepath.Join(c.dir, "etcd"), "--unsafe-no-fsync", "--log-level=error",
		"--listen-client-urls="+client, "--advertise-client-urls="+client,
		"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer, "--initial-cluster=default="+peer); err != nil {
		return err
	}
	if err := c.start("kube-apiserver", c.serverFlags(client)...); err != nil {
		return err
	}
	if err := c.becomesReady(ctx); err != nil {
		return err
	}
	if !options.Pods {
		return nil
	}
	return c.startPods(ctx)
}

func (c *Cluster) serverFlags(etcd string) []string {
	return []string{
		"--etcd-servers=" + etcd,
		"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--secure-port=" + strconv.Itoa(c.port),
		"--cert-dir=" + c.dir, // it makes a certificate for itself there
		"--endpoint-reconciler-type=none", "--service-cluster-ip-range=10.0.0.0/24",
		"--authorization-mode=RBAC", "--token-auth-file=" + filepath.Join(c.dir, "tokens.csv"),
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + filepath.Join(c.dir, "accounts.key"),
		"--service-account-signing-key-file=" + filepath.Join(c.dir, "accounts.key"),
		"--audit-policy-file=" + filepath.Join(c.dir, "audit.yaml"), "--audit-log-path=" + filepath.Join(c.dir, "audit.log"),
	}
}

// startPods starts what makes pods run, and waits for the node.
func (c *Cluster) startPods(ctx context.Context) error {
	kubeconfig, err := c.Kubeconfig("admin", c.URL(), nil, c.token)
	if err != nil {
		return err
	}
	if err := c.start("kube-controller-manager", "--kubeconfig="+kubeconfig, "--leader-elect=false",
		"--node-monitor-grace-period=1h", // a busy machine is no dead node
		"--bind-address=127.0.0.1", "--secure-port=0", "--service-account-private-key-file="+filepath.Join(c.dir, "accounts.key")); err != nil {
		return err
	}
	if err := c.start("kube-scheduler", "--kubeconfig="+kubeconfig, "--leader-elect=false", "--bind-address=127.0.0.1", "--secure-port=0"); err != nil {
		return err
	}
	flags := []string{"--kubeconfig=" + kubeconfig, "--manage-all-nodes"}
	stages, err := filepath.Glob(filepath.Join(c.bin, "stages", "*.yaml"))
	if err != nil || len(stages) == 0 {
		return fmt.Errorf("no stages for kwok in %s (%w)", c.bin, err)
	}
	for _, stage := range stages {
		flags = append(flags, "--config="+stage)
	}
	if err := c.start("kwok", flags...); err != nil {
		return err
	}
	c.kubelet = c.parts[len(c.parts)-1]
	return c.addNode(ctx)
}

// start starts a program, whose output goes to a file beside its data.
func (c *Cluster) start(name string, args ...string) error {
	log, err := os.Create(filepath.Join(c.dir, name+".log"))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the program has it open
	// It outlives the context of the test that happens to start it.
	cmd := exec.Command(filepath.Join(c.bin, name), args...) //nolint:noctx,gosec // as said above; the program is one of ours
	cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, c.dir
	// Nothing of the caller's environment leads a part to another cluster.
	cmd.Env = []string{"HOME=" + c.dir, "PATH=" + os.Getenv("PATH"), "NO_PROXY=127.0.0.1"}
	cmd.SysProcAttr = endsWithUs()
	if err := cmd.Start(); err != nil {
		return err
	}
	p := &part{name, cmd, make(chan struct{})}
	c.parts = append(c.parts, p)
	go func() {
		_ = cmd.Wait() // how it ended shows in its log
		close(p.ended)
	}()
	return nil
}

// ended names a part that is not running any more, with the end of its log;
// empty while all run.
func (c *Cluster) ended() string {
	for _, p := range c.parts {
		select {
		case <-p.ended:
			log, _ := os.ReadFile(filepath.Join(c.dir, p.name+".log")) // only for the message
			return fmt.Sprintf("%s has ended:\n%s", p.name, log[max(0, len(log)-4096):])
		default:
		}
	}
	return ""
}

// StopKubelet stops the node's kubelet in its tracks: no pod starts and none
// ends until StartKubelet.
func (c *Cluster) StopKubelet() error { return c.kubelet.cmd.Process.Signal(syscall.SIGSTOP) }

// StartKubelet undoes StopKubelet.
func (c *Cluster) StartKubelet() error { return c.kubelet.cmd.Process.Signal(syscall.SIGCONT) }

// Close stops the cluster and removes its folder. Nothing of it is worth an
// orderly end.
func (c *Cluster) Close() error {
	var group sync.WaitGroup
	for _, p := range c.parts {
		_ = p.cmd.Process.Kill() // it may have ended
		group.Go(func() { <-p.ended })
	}
	group.Wait()
	return os.RemoveAll(c.dir)
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// freePorts finds ports that nobody listens on. All are held until all are
// found, so that they differ.
func freePorts(ctx context.Context, n int) ([]int, error) {
	ports, held := make([]int, 0, n), make([]net.Listener, 0, n)
	defer func() {
		for _, listener := range held {
			_ = listener.Close() // nobody was let in
		}
	}()
	for range n {
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		held = append(held, listener)
		tcp, ok := listener.Addr().(*net.TCPAddr)
		if !ok {
			return nil, fmt.Errorf("find a free port: %v is no TCP address", listener.Addr())
		}
		ports = append(ports, tcp.Port)
	}
	return ports, nil
}
