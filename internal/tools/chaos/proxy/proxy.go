// Package proxy stands between a client and its server on loopback, and breaks
// their connections on request.
package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Proxy passes on every connection it gets. It is safe for concurrent use; close
// it when done.
type Proxy struct {
	listener net.Listener
	target   string
	serving  sync.WaitGroup

	mu     sync.Mutex
	pairs  map[*pair]bool
	delay  time.Duration
	hole   chan struct{} // closed while bytes pass
	refuse bool
}

// pair is one connection of a client with the one made for it.
type pair struct{ client, server net.Conn }

// New listens on loopback and passes everything on to the address target.
func New(ctx context.Context, target string) (*Proxy, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for a proxy: %w", err)
	}
	p := &Proxy{listener: listener, target: target, pairs: map[*pair]bool{}, hole: make(chan struct{})}
	close(p.hole)
	p.serving.Go(p.accept)
	return p, nil
}

// Address is where clients connect to.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// Delay holds every piece of data back for d; zero ends that.
func (p *Proxy) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// Swallow leaves connections open and lets nothing through any more, until
// Release. What was sent meanwhile arrives then.
func (p *Proxy) Swallow() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hole = make(chan struct{})
}

// Release ends Swallow.
func (p *Proxy) Release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.hole:
	default:
		close(p.hole)
	}
}

// Refuse closes new connections at once, or no longer does.
func (p *Proxy) Refuse(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = on
}

// Reset breaks every connection; what was under way is lost.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for one := range p.pairs {
		one.reset()
	}
}

func (p *pair) reset() {
	for _, c := range []net.Conn{p.client, p.server} {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // it is about to be closed: an error changes nothing
		}
		_ = c.Close()
	}
}

// Close breaks every connection and ends the proxy.
func (p *Proxy) Close() error {
	err := p.listener.Close()
	p.Release()
	p.Refuse(true)
	p.Reset()
	p.serving.Wait()
	return err
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		p.serving.Go(func() { p.connect(client) })
	}
}

func (p *Proxy) connect(client net.Conn) {
	server, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(context.Background(), "tcp", p.target)
	if err != nil {
		_ = client.Close() // the client sees what there is to see
		return
	}
	one := &pair{client, server}
	p.mu.Lock()
	refused := p.refuse
	p.pairs[one] = true
	p.mu.Unlock()
	if !refused {
		var both sync.WaitGroup
		both.Go(func() { p.pass(one, client, server) })
		both.Go(func() { p.pass(one, server, client) })
		both.Wait()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	one.reset()
	delete(p.pairs, one)
}

// pass copies one direction until either side ends, which ends both.
func (p *Proxy) pass(one *pair, from, to net.Conn) {
	defer func() { _, _ = one.client.Close(), one.server.Close() }()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		p.mu.Lock()
		delay, hole := p.delay, p.hole
		p.mu.Unlock()
		<-hole
		if delay > 0 {
			time.Sleep(delay) //nolint:forbidigo // this is what is asked for, and bounded
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
		if err != nil {
			return
		}
	}
}
