package account_test

import (
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keyrotator/keyrotator/rotator/account"
)

func TestCABundleOfTheEnvironmentIsTrusted(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(identityOf("arn:aws:iam::" + prodID + ":user/daemon")))
	}))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // refused handshakes are the test
	server.StartTLS()
	defer server.Close()
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	must(t, os.WriteFile(bundle, pem.EncodeToMemory(&pem.Block{
		Type: "CERTIFICATE", Bytes: server.Certificate().Raw,
	}), 0o600))

	cases := map[string]struct{ bundled, shared bool }{
		"an account's own transport with the bundle":  {bundled: true},
		"the shared transport with the bundle":        {bundled: true, shared: true},
		"an account's own transport without a bundle": {},
		"the shared transport without a bundle":       {shared: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			isolate(t)
			if c.bundled {
				t.Setenv("AWS_CA_BUNDLE", bundle)
			}
			o := options(nil)
			o.Transport, o.Endpoint = nil, server.URL
			if c.shared {
				var err error
				o.Transport, err = account.NewTransport(t.Context(), 4)
				must(t, err)
			}
			client := sts.NewFromConfig(open(t, o).Config(""), func(o *sts.Options) { o.Retryer = aws.NopRetryer{} })
			if _, err := client.GetCallerIdentity(t.Context(), nil); (err == nil) != c.bundled {
				t.Errorf("error %v; the server's authority is trusted: %t", err, c.bundled)
			}
		})
	}
}

func TestCABundleDoesNotDisturbAnInProcessTransport(t *testing.T) {
	isolate(t)
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	must(t, os.WriteFile(bundle, pem.EncodeToMemory(&pem.Block{
		Type: "CERTIFICATE", Bytes: server.Certificate().Raw,
	}), 0o600))
	t.Setenv("AWS_CA_BUNDLE", bundle)
	must(t, signIn(t.Context(), open(t, options(&wire{}))))
}

func TestConnectionsAreKeptForAsManyCallsAsMayFly(t *testing.T) {
	isolate(t)
	const calls = 24
	var opened atomic.Int32
	var round sync.WaitGroup
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		round.Done()
		round.Wait() // every call of the round needs a connection of its own
		_, _ = w.Write([]byte(identityOf("arn:aws:iam::" + prodID + ":user/daemon")))
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	defer server.Close()

	shared, err := account.NewTransport(t.Context(), calls)
	must(t, err)
	o := options(nil)
	o.Transport, o.Endpoint, o.CallsInFlight = shared, server.URL, calls/2
	first := open(t, o)
	o.Name = "second"
	second := open(t, o)
	for range 3 {
		round.Add(calls)
		var all sync.WaitGroup
		for i := range calls {
			a := first
			if i%2 == 1 {
				a = second
			}
			all.Go(func() {
				if err := signIn(t.Context(), a); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	// A connection goes back to the pool a moment after its answer was read, so
	// a few may be opened beside one that is about to be free.
	if got := opened.Load(); got > calls+calls/4 {
		t.Errorf("%d connections for 3 rounds of %d calls", got, calls)
	}
}
