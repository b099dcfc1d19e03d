package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

var errNoCertificate = errors.New("it holds no certificate in PEM")

// webClients are the HTTP clients of stores that are web services, by the file
// of authorities that they trust beside the system's. Who trusts the same ones
// shares connections.
type webClients map[string]*http.Client

// client returns the client that trusts the authorities of a PEM file, too; an
// empty name adds none. It follows no redirect, which would take a token or a
// secret to a place that nobody configured. A call lasts as long as its context.
func (w webClients) client(caFile string) (*http.Client, error) {
	if made, ok := w[caFile]; ok {
		return made, nil
	}
	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	if caFile != "" {
		var err error
		if trust.RootCAs, err = authorities(caFile); err != nil {
			return nil, fmt.Errorf("trust %s: %w", caFile, err)
		}
	}
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	made := &http.Client{
		Transport: &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, TLSClientConfig: trust,
			ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 8, IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: 10 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if w != nil {
		w[caFile] = made
	}
	return made, nil
}

// authorities are the system's and those of a file.
func authorities(caFile string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // a machine without authorities of its own
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errNoCertificate
	}
	return pool, nil
}
