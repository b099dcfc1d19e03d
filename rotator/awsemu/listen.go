package awsemu

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

// ErrNotLoopback is the refusal to listen where other machines could reach the emulator.
var ErrNotLoopback = errors.New("address is not a loopback address")

// Listener is a server that listens on loopback. Close it when done.
type Listener struct {
	server *http.Server
	addr   net.Addr
	done   chan struct{}
}

// Listen serves the emulator over plain HTTP at a loopback address such as "127.0.0.1:0" (port 0 picks one). A host
// name or an address that other machines can reach is refused with ErrNotLoopback before anything is opened.
func (s *Server) Listen(addr string) (*Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("read listen address: %w", err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("listen on %q: %w", addr, ErrNotLoopback)
	}
	var listening net.ListenConfig
	socket, err := listening.Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: %w", addr, err)
	}
	l := &Listener{
		server: &http.Server{
			Handler:           s,
			ReadHeaderTimeout: 10 * time.Second,
			ErrorLog:          log.New(io.Discard, "", 0), // aborted connections are what faults ask for
		},
		addr: socket.Addr(),
		done: make(chan struct{}),
	}
	go func() {
		defer close(l.done)
		_ = l.server.Serve(socket) // always http.ErrServerClosed: Close is the only way out
	}()
	return l, nil
}

// URL is the endpoint for all services, such as "http://127.0.0.1:41234".
func (l *Listener) URL() string { return "http://" + l.addr.String() }

// Close stops listening, cuts what is in flight and waits for the serving goroutine.
func (l *Listener) Close() error {
	err := l.server.Close()
	<-l.done
	return err
}
