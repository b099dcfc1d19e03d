// Command vault is a Vault server of its own for tests: one node that keeps
// everything in memory, unsealed, on the loopback interface, with the KV engine,
// the AppRole and Kubernetes logins and audit to a file, and nothing else.
//
// It is built of the real server's packages, so that what the tests learn about
// Vault is true. They are under the Business Source License: this module is for
// tests alone, and nothing of it is in the product.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/hashicorp/go-hclog"
	kubernetes "github.com/hashicorp/vault-plugin-auth-kubernetes"
	kv "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/audit"
	"github.com/hashicorp/vault/builtin/credential/approle"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/internalshared/configutil"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical/inmem"
	"github.com/hashicorp/vault/vault"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address to listen on")
	verbose := flag.Bool("verbose", false, "log to standard error")
	flag.Parse()
	if err := run(context.Background(), *listen, *verbose); err != nil {
		fmt.Fprintln(os.Stderr, "vault:", err)
		os.Exit(1)
	}
}

// run serves until its standard input ends, which it does with whoever started
// it. The first line of standard output tells where it listens and with which
// token it may be set up.
func run(ctx context.Context, listen string, verbose bool) error {
	level := hclog.Off
	if verbose {
		level = hclog.Info
	}
	core, err := newCore(hclog.New(&hclog.LoggerOptions{Output: os.Stderr, Level: level}))
	if err != nil {
		return err
	}
	token, err := unseal(ctx, core)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	server := &http.Server{
		Handler:           vaulthttp.Handler.Handler(&vault.HandlerProperties{Core: core, ListenerConfig: &configutil.Listener{}}),
		ReadHeaderTimeout: time.Minute,
	}
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(listener) }()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = server.Close()
	}()
	ready := map[string]string{"address": "http://" + listener.Addr().String(), "token": token}
	if err := json.NewEncoder(os.Stdout).Encode(ready); err != nil {
		return fmt.Errorf("tell the address: %w", err)
	}
	if err := <-stopped; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return core.Shutdown()
}

func newCore(logger hclog.Logger) (*vault.Core, error) {
	storage, err := inmem.NewInmem(nil, logger)
	if err != nil {
		return nil, fmt.Errorf("make storage: %w", err)
	}
	core, err := vault.NewCore(&vault.CoreConfig{
		Physical:           storage,
		LogicalBackends:    map[string]logical.Factory{"kv": kv.Factory},
		CredentialBackends: map[string]logical.Factory{"approle": approle.Factory, "kubernetes": kubernetes.Factory},
		AuditBackends:      map[string]audit.Factory{"file": audit.NewFileBackend},
		BuiltinRegistry:    plugins{},
		DisableMlock:       true,
		Logger:             logger,
	})
	if err != nil {
		return nil, fmt.Errorf("make core: %w", err)
	}
	return core, nil
}

// unseal initializes the core with one key share and opens it.
func unseal(ctx context.Context, core *vault.Core) (token string, err error) {
	seal := &vault.SealConfig{SecretShares: 1, SecretThreshold: 1, StoredShares: 1}
	made, err := core.Initialize(ctx, &vault.InitParams{BarrierConfig: seal, RecoveryConfig: &vault.SealConfig{}})
	if err != nil {
		return "", fmt.Errorf("initialize: %w", err)
	}
	if open, err := core.Unseal(made.SecretShares[0]); err != nil || !open {
		return "", fmt.Errorf("unseal: open %t: %w", open, err)
	}
	return made.RootToken, nil
}

// plugins names what newCore was given; Vault asks before it mounts anything.
type plugins struct{}

func (plugins) Keys(kind consts.PluginType) []string {
	switch kind {
	case consts.PluginTypeSecrets:
		return []string{"kv"}
	case consts.PluginTypeCredential:
		return []string{"approle", "kubernetes"}
	default:
		return nil
	}
}

func (p plugins) Contains(name string, kind consts.PluginType) bool {
	return slices.Contains(p.Keys(kind), name)
}

func (p plugins) Get(name string, kind consts.PluginType) (func() (any, error), bool) {
	factories := map[string]logical.Factory{"kv": kv.Factory, "approle": approle.Factory, "kubernetes": kubernetes.Factory}
	return func() (any, error) { return factories[name], nil }, p.Contains(name, kind)
}

func (p plugins) DeprecationStatus(name string, kind consts.PluginType) (consts.DeprecationStatus, bool) {
	return consts.Supported, p.Contains(name, kind)
}

func (plugins) IsBuiltinEntPlugin(string, consts.PluginType) bool { return false }
