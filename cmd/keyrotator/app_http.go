package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// journalPatience bounds the look at the journal that /readyz takes.
const journalPatience = 2 * time.Second

// startServer listens and serves. The log says where, because port 0 picks one.
func (a *app) startServer(ctx context.Context) error {
	if a.options.listen == "" {
		return nil
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", a.options.listen)
	if err != nil {
		return err
	}
	a.listener = listener
	server := &http.Server{
		Handler:           a.handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          zap.NewStdLog(a.log.WithOptions(zap.IncreaseLevel(zapcore.WarnLevel))),
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			a.fail(fmt.Errorf("serve metrics: %w", err))
		}
	}()
	a.started("server", func(limit context.Context) error {
		err := server.Shutdown(limit)
		if err != nil {
			err = errors.Join(err, server.Close())
		}
		<-ended
		return err
	})
	a.log.Info("listening on " + listener.Addr().String())
	return nil
}

// address is where the server listens; empty without one.
func (a *app) address() string {
	if a.listener == nil {
		return ""
	}
	return a.listener.Addr().String()
}

func (a *app) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.registry, promhttp.HandlerOpts{
		ErrorLog: zap.NewStdLog(a.log), MaxRequestsInFlight: 4, Timeout: 20 * time.Second,
	}))
	mux.HandleFunc(callbackPath, a.called)
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintln(w, "ok") // whoever asked may be gone
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := a.ready(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprintln(w, "ok") // whoever asked may be gone
	})
	return mux
}

// ready says what keeps the daemon from rotating keys. The canary needs no look
// here: a daemon that could not open it never started.
func (a *app) ready(ctx context.Context) error {
	if !a.looping.Load() {
		return errors.New("the loop is not running")
	}
	ctx, cancel := context.WithTimeout(ctx, journalPatience)
	defer cancel()
	if _, err := a.journal.Global(ctx); err != nil {
		return fmt.Errorf("the journal cannot be read: %w", err)
	}
	return nil
}
