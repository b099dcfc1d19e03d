package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
)

func newRunCommand(c *cli) *cobra.Command {
	var listen string
	var limit time.Duration
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Rotate keys until told to stop",
		Long: `Runs the daemon: it rotates the keys of every configured user when they are due.

It serves /metrics, /livez and /readyz on the address of --listen; the log says
"listening on ADDRESS". It reads the configuration again when the file changes
and on SIGHUP; one with errors is refused, and the former one stays in force.
On SIGTERM or SIGINT no new step begins, and the one that was begun is finished
and recorded; a second signal ends the process at once.

Under systemd it says when it is ready, reloading and stopping (Type=notify), and,
with WatchdogSec, that it is alive: only while its loop and its journal answer.

One daemon runs on one journal. Nothing is asked and nothing is printed on stdout.`,
		Example: `  keyrotator run --config /etc/keyrotator/keyrotator.yaml
  AWS_ENDPOINT_URL=http://127.0.0.1:4566 keyrotator run --listen 127.0.0.1:0`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.runDaemon(cmd.Context(), listen, limit)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:9464", "`address` of /metrics, /livez and /readyz; port 0 picks one")
	cmd.Flags().DurationVar(&limit, "shutdown-limit", defaultShutdownLimit, "how long the daemon may take to stop; keep limits.shutdown of the configuration below it")
	return cmd
}

func (c *cli) runDaemon(ctx context.Context, listen string, limit time.Duration) error {
	log, err := c.logger()
	if err != nil {
		return err
	}
	path, err := c.findConfig()
	if err != nil {
		return err
	}
	c.configPath = path
	cfg, err := c.loadConfig()
	if err != nil {
		return err
	}
	for _, warning := range cfg.Warnings() {
		log.Warn("the configuration is unsafe against the real AWS", zap.String("path", warning.Path), zap.String("finding", warning.Message))
	}
	if cfg.Limits.Shutdown >= limit {
		log.Warn("an effect may take longer to finish than the daemon has to stop", zap.Duration("limits.shutdown", cfg.Limits.Shutdown), zap.Duration("shutdown-limit", limit))
	}
	a, err := newApp(cfg, appOptions{configPath: path, listen: listen, shutdownLimit: limit, serviceManager: toSystemd, log: log})
	if err != nil {
		return err
	}
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	reload := make(chan struct{})
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangups:
			}
			select {
			case <-ctx.Done():
				return
			case reload <- struct{}{}:
			}
		}
	}()
	return a.Run(ctx, reload)
}
