package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// doorkeeper writes down the line and the headers of every request to any
// service. Bodies are where secrets belong; nothing else may hold one.
type doorkeeper struct {
	mu    sync.Mutex
	log   bytes.Buffer
	known map[string]bool // headers that authorise, as they have to be
}

// knows takes a token that a service accepts. It may come in a header that holds
// it and nothing else, and is not written down there.
func (k *doorkeeper) knows(user, token string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.known == nil {
		k.known = map[string]bool{}
	}
	k.known[token], k.known["Bearer "+token] = true, true
	k.known["Basic "+base64.StdEncoding.EncodeToString([]byte(user+":"+token))] = true
}

func (k *doorkeeper) note(r *http.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	fmt.Fprintf(&k.log, "%s %s %s\n", r.Method, r.Host, r.URL)
	for name, values := range r.Header {
		for _, value := range values {
			if k.known[value] {
				value = "what the service accepts"
			}
			fmt.Fprintf(&k.log, "  %s: %s\n", name, value)
		}
	}
}

func (k *doorkeeper) requests() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.log.String()
}

// noting is the embedded AWS with a doorkeeper.
type noting struct {
	keeper *doorkeeper
	next   http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (n noting) RoundTrip(r *http.Request) (*http.Response, error) {
	n.keeper.note(r)
	return n.next.RoundTrip(r)
}

// door is the way to one service. While it is shut to writes, the service
// answers that they are not permitted.
type door struct {
	*httptest.Server
	shut atomic.Bool
	// refused counts the writes that were turned away.
	refused atomic.Int64
}

// open makes the door of a service at an address, which transport reaches.
func (k *doorkeeper) open(t *testing.T, address string, transport http.RoundTripper, encrypted bool) *door {
	t.Helper()
	target, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host // services name themselves in the addresses of their pages
		},
		ErrorLog: log.New(io.Discard, "", 0), // a daemon that is stopped leaves calls behind
	}
	d := &door{}
	serve := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k.note(r)
		if d.shut.Load() && r.Method != http.MethodGet && r.Method != http.MethodHead {
			d.refused.Add(1)
			w.Header().Set("Content-Type", "application/vnd.api+json")
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, `{"errors":[{"status":"403","title":"forbidden","detail":"the team may not write variables"}]}`)
			return
		}
		proxy.ServeHTTP(w, r)
	})
	if encrypted {
		d.Server = httptest.NewTLSServer(serve)
	} else {
		d.Server = httptest.NewServer(serve)
	}
	t.Cleanup(d.Close)
	return d
}

// A doorkeeper that hides more than it should would prove nothing.
func TestADoorkeeperWritesDownWhateverIsNotAnAcceptedToken(t *testing.T) {
	k := &doorkeeper{}
	k.knows("bot", "the-token-of-the-bot")
	r := httptest.NewRequest(http.MethodGet, "http://service/variables?secret=in-the-query", nil)
	r.Header.Set("Authorization", "Bearer the-token-of-the-bot")
	r.Header.Set("X-Debug", "in-a-header the-token-of-the-bot")
	k.note(r)
	for text, want := range map[string]int{"in-the-query": 1, "in-a-header": 1, "the-token-of-the-bot": 1} {
		if have := strings.Count(k.requests(), text); have != want {
			t.Errorf("%q was written down %d times, want %d", text, have, want)
		}
	}
}
