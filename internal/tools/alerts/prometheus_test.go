package alerts_test

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// prometheus is a real one that scrapes one daemon, once a second.
type prometheus struct {
	url string
}

// startPrometheus has it evaluate rules, too.
func startPrometheus(t *testing.T, daemon string, rules ruleFile) *prometheus {
	t.Helper()
	bin, err := exec.LookPath("prometheus")
	if err != nil {
		t.Fatalf("prometheus is missing: run internal/tools/packages.sh test: %v", err)
	}
	dir := t.TempDir()
	writeYAML(t, filepath.Join(dir, "rules.yaml"), rules)
	writeYAML(t, filepath.Join(dir, "prometheus.yaml"), map[string]any{
		"global":     map[string]any{"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
		"rule_files": []string{"rules.yaml"},
		"scrape_configs": []any{map[string]any{
			"job_name":       "keyrotator",
			"static_configs": []any{map[string]any{"targets": []string{daemon}, "labels": map[string]string{"namespace": "keyrotator", "pod": "keyrotator-0"}}},
		}},
	})
	address := freeAddress(t)
	p := start(t, nil, bin, "--config.file="+filepath.Join(dir, "prometheus.yaml"), "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+address, "--web.external-url=http://"+address)
	p.await(t, "Server is ready to receive web requests")
	return &prometheus{url: "http://" + address}
}

// freeAddress is one on loopback that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }() // nobody has connected
	return listener.Addr().String()
}

// get asks the API and decodes what it calls data.
func (p *prometheus) get(t *testing.T, path string, query url.Values, data any) error {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+"/api/v1/"+path+"?"+query.Encode(), http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }() // all of it was read, or there is an error already
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	var answer struct {
		Status, Error string
		Data          json.RawMessage
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Status != "success" {
		return fmt.Errorf("%s: %s %s", path, response.Status, body)
	}
	return json.Unmarshal(answer.Data, data)
}

// query asks what can only be asked, and may have no answer.
func (p *prometheus) query(t *testing.T, query string) error {
	t.Helper()
	return p.get(t, "query", url.Values{"query": {query}}, &struct{}{})
}

// since returns how many numbers a query has had, a second apart, since begun.
func (p *prometheus) since(t *testing.T, begun time.Time, query string) (int, error) {
	t.Helper()
	var data struct {
		Result []struct {
			Values [][2]any
		}
	}
	err := p.get(t, "query_range", url.Values{
		"query": {query}, "step": {"1"}, "start": {begun.UTC().Format(time.RFC3339)}, "end": {time.Now().UTC().Format(time.RFC3339)},
	}, &data)
	numbers := 0
	for _, series := range data.Result {
		for _, value := range series.Values {
			text, _ := value[1].(string)
			if v, err := strconv.ParseFloat(text, 64); err == nil && !math.IsNaN(v) {
				numbers++
			}
		}
	}
	return numbers, err
}

// liveRule is a rule as Prometheus reports it.
type liveRule struct {
	Name, State, Health, LastError, Query string
	Alerts                                []struct {
		State               string
		Labels, Annotations map[string]string
	}
}

func (p *prometheus) rules(t *testing.T) map[string]liveRule {
	t.Helper()
	var data struct {
		Groups []struct{ Rules []liveRule }
	}
	if err := p.get(t, "rules", nil, &data); err != nil {
		t.Fatal(err)
	}
	found := map[string]liveRule{}
	for _, g := range data.Groups {
		for _, r := range g.Rules {
			found[r.Name] = r
		}
	}
	return found
}

// readAll is a file's text.
func readAll(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
