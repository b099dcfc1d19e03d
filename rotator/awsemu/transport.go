package awsemu

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// Transport gives a RoundTripper which answers in process, for any host name, on the caller's goroutine: no socket,
// no goroutine, fit for a synctest bubble. A dropped connection is an error that wraps io.ErrUnexpectedEOF.
func (s *Server) Transport() http.RoundTripper { return transport{s} }

type transport struct{ server *Server }

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	out, err := t.server.serve(r)
	if r.Body != nil {
		_ = r.Body.Close() // RoundTrip must close it, whatever happened
	}
	if errors.Is(err, errDropped) {
		return nil, fmt.Errorf("read answer: %w", io.ErrUnexpectedEOF)
	}
	if err != nil {
		return nil, fmt.Errorf("call emulated AWS: %w", err)
	}
	return &http.Response{
		Status:        fmt.Sprintf("%d %s", out.status, http.StatusText(out.status)),
		StatusCode:    out.status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        out.header,
		Body:          io.NopCloser(bytes.NewReader(out.body)),
		ContentLength: int64(len(out.body)),
		Request:       r,
	}, nil
}
