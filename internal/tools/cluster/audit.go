package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// Request is one line of the API server's audit log: what somebody asked for,
// and how that ended.
type Request struct {
	ID       string `json:"auditID"` //nolint:tagliatelle // the API server's names, here and below
	Stage    string `json:"stage"`
	Verb     string `json:"verb"`
	Agent    string `json:"userAgent"`  //nolint:tagliatelle // as above
	URI      string `json:"requestURI"` //nolint:tagliatelle // as above
	Resource struct {
		Resource  string `json:"resource"`
		Group     string `json:"apiGroup"` //nolint:tagliatelle // as above
		Namespace string `json:"namespace"`
		Name      string `json:"name"`
	} `json:"objectRef"` //nolint:tagliatelle // as above
	Status struct {
		Code int `json:"code"`
	} `json:"responseStatus"` //nolint:tagliatelle // as above
	User struct {
		Name string `json:"username"`
	} `json:"user"`
}

// String reads "patch secrets ci/aws 200".
func (r Request) String() string {
	place := r.Resource.Resource
	if r.Resource.Name != "" {
		place += " " + r.Resource.Namespace + "/" + r.Resource.Name
	} else if r.Resource.Namespace != "" {
		place += " " + r.Resource.Namespace
	}
	return fmt.Sprintf("%s %s %d", r.Verb, place, r.Status.Code)
}

// Audit lists what a user has asked the API server for, in the order in which
// the requests came. Each is in the log before it is answered (its first stage,
// RequestReceived), but its end may be written a moment later: that is waited
// for.
func (c *Cluster) Audit(ctx context.Context, user string) ([]Request, error) {
	var all []Request
	var wrong error
	err := c.eventually(ctx, "the audit log is written", func() bool {
		var open int
		all, open, wrong = c.readAudit(user)
		return wrong != nil || open == 0
	})
	if wrong != nil {
		return nil, wrong
	}
	return all, err
}

// readAudit returns the user's requests and how many of them have not ended.
func (c *Cluster) readAudit(user string) (all []Request, open int, err error) {
	log, err := os.ReadFile(filepath.Join(c.dir, "audit.log"))
	if err != nil {
		return nil, 0, err
	}
	at := map[string]int{}
	for line := range bytes.Lines(log) {
		var r Request
		if !bytes.HasSuffix(line, []byte("\n")) {
			return nil, 1, nil // it is being written
		}
		if err := json.Unmarshal(line, &r); err != nil {
			return nil, 0, fmt.Errorf("read the audit log: %w", err)
		}
		if r.User.Name != user {
			continue
		}
		if i, known := at[r.ID]; known {
			all[i] = r
		} else {
			at[r.ID] = len(all)
			all = append(all, r)
		}
	}
	for _, r := range all {
		if r.Stage != "ResponseComplete" && r.Stage != "Panic" {
			open++
		}
	}
	return slices.Clone(all), open, nil
}
