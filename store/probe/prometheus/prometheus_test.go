package prometheus

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/keyrotator/keyrotator/store"
)

const query = `rate(runner_errors_total{user="prod/ci"}[5m]) > 0.1`

// Each answer is one that Prometheus's HTTP API documents, or that something
// else on that port may give.
func TestTheAnswerToAQueryIsUnderstood(t *testing.T) {
	for _, x := range []struct {
		name   string
		status int
		body   string
		says   string // empty for well
	}{
		{"nothing", 200, `{"status":"success","data":{"resultType":"vector","result":[]}}`, ""},
		{"nothing, with warnings", 200, `{"status":"success","data":{"resultType":"vector","result":[]},"warnings":["a"]}`, ""},
		{"one series", 200, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"up","job":"runner","az":"a"},"value":[1435781451.781,"0.2"]}]}}`, `1 series, such as up{az="a", job="runner"} = 0.2`},
		{"series that hold the token", 200, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{"t":"canary-token"},"value":[1,"1"]}]}}`, "not shown"},
		{"histograms", 200, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"histogram":[1,{}]}]}}`, "1 series"},
		{"a scalar", 200, `{"status":"success","data":{"resultType":"scalar","result":[1435781451.781,"1"]}}`, "answers a scalar"},
		{"a text", 200, `{"status":"success","data":{"resultType":"string","result":[1435781451.781,"x"]}}`, "answers a string"},
		{"an error", 400, `{"status":"error","errorType":"bad_data","error":"parse error: unexpected end of input"}`, "bad_data: parse error"},
		{"a refusal", 401, `Unauthorized`, "answers 401"},
		{"another program", 200, `<html>`, "none of Prometheus's"},
		{"half an answer", 200, `{"status":"success","data":{"resultType":"vector","result":[`, "none of Prometheus's"},
		{"an empty object", 200, `{}`, "none of Prometheus's"},
		{"null for a result is still a vector of nothing", 200, `{"status":"success","data":{"resultType":"vector","result":null}}`, ""},
		{"a result that is no list", 200, `{"status":"success","data":{"resultType":"vector","result":"x"}}`, "none of Prometheus's"},
		{"no data", 200, `{"status":"success"}`, "none of Prometheus's"},
		{"a redirect", 302, ``, "answers 302"},
		{"more than anybody reads", 200, strings.Repeat(" ", maxAnswer+1), "longer than"},
	} {
		t.Run(x.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodPost || r.URL.String() != "/prometheus/api/v1/query" || r.PostFormValue("query") != query || r.Header.Get("Authorization") != "Bearer canary-token" {
					t.Errorf("it asks %s %s for %q", r.Method, r.URL, r.PostFormValue("query"))
				}
				w.WriteHeader(x.status)
				_, _ = w.Write([]byte(x.body))
			}))
			defer server.Close()
			p, err := New(Options{Client: server.Client(), URL: server.URL + "/prometheus/", Query: query, Token: "canary-token"})
			if err != nil {
				t.Fatal(err)
			}
			for what, err := range map[string]error{"probe": p.Probe(t.Context(), store.Credential{}), "check": p.Check(t.Context())} {
				if (err == nil) != (x.says == "") || err != nil && !strings.Contains(err.Error(), x.says) || err != nil && strings.Contains(err.Error(), "canary") {
					t.Errorf("%s: %v, want %q", what, err, x.says)
				}
			}
			if text := fmt.Sprintf("%+v %s", p, p.Describe()); strings.Contains(text, "canary") || !strings.Contains(text, "/prometheus?rate(") {
				t.Errorf("it is shown as %s", text)
			}
		})
	}
}

// silent never answers.
type silent struct{}

func (silent) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestASilentServerIsLeftAfterItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, err := New(Options{Client: &http.Client{Transport: silent{}}, URL: "http://x", Query: "up == 0"})
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "within 10s") {
			t.Errorf("check: %v", err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := p.Check(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("under a cancelled context: %v", err)
		}
	})
	if _, err := New(Options{Client: &http.Client{}, URL: "http://x", Query: " "}); err == nil {
		t.Error("an empty query is accepted")
	}
}

// Whatever a server answers, only a vector of nothing is well.
func FuzzAnAnswer(f *testing.F) {
	f.Add([]byte(`{"status":"success","data":{"resultType":"vector","result":[]}}`))
	f.Add([]byte(`{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":"b"},"value":[1,"1"]}]}}`))
	f.Add([]byte(`{"status":"error","error":"canary-token"}`))
	p, err := New(Options{Client: &http.Client{}, URL: "http://x", Query: query, Token: "canary-token"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		err := p.judge(http.StatusOK, body)
		if err == nil && !strings.Contains(string(body), "vector") && !strings.Contains(string(body), `\u`) {
			t.Fatalf("%q is well", body)
		}
		if err != nil && strings.Contains(err.Error(), "canary-token") {
			t.Fatalf("the error shows the token: %v", err)
		}
	})
}
