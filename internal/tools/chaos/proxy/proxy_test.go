package proxy_test

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/keyrotator/keyrotator/internal/tools/chaos/proxy"
)

// echo is a server that sends back what it gets.
func echo(t *testing.T) (address string) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	return listener.Addr().String()
}

func between(t *testing.T) (*proxy.Proxy, net.Conn) {
	t.Helper()
	p, err := proxy.New(t.Context(), echo(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p, dial(t, p)
}

func dial(t *testing.T, p *proxy.Proxy) net.Conn {
	t.Helper()
	c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", p.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// ask sends a byte and waits for it to come back.
func ask(c net.Conn) error {
	if _, err := c.Write([]byte{7}); err != nil {
		return err
	}
	_, err := io.ReadFull(c, make([]byte, 1))
	return err
}

func TestAResetBreaksWhatIsOpenAndNothingElse(t *testing.T) {
	t.Parallel()
	p, c := between(t)
	if err := ask(c); err != nil {
		t.Fatal(err)
	}
	p.Reset()
	if ask(c) == nil {
		t.Error("the connection still works")
	}
	if err := ask(dial(t, p)); err != nil {
		t.Errorf("a new connection: %v", err)
	}
}

func TestRefusedConnectionsEnd(t *testing.T) {
	t.Parallel()
	p, c := between(t)
	if err := ask(c); err != nil {
		t.Fatal(err)
	}
	p.Refuse(true)
	if ask(dial(t, p)) == nil {
		t.Error("a new connection works")
	}
	if err := ask(c); err != nil {
		t.Errorf("one that was open before: %v", err)
	}
	p.Refuse(false)
	if err := ask(dial(t, p)); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

func TestWhatWasSwallowedArrivesLater(t *testing.T) {
	t.Parallel()
	p, c := between(t)
	if err := ask(c); err != nil {
		t.Fatal(err)
	}
	p.Swallow()
	if err := c.SetDeadline(time.Now().Add(50 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if err := ask(c); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("swallowed: %v", err)
	}
	p.Release()
	if err := c.SetDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, 1)); err != nil {
		t.Errorf("released: %v", err)
	}
}
