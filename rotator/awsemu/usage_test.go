package awsemu_test

import (
	"encoding/csv"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keyrotator/keyrotator/rotator/awsemu"
)

// lastUsed is what GetAccessKeyLastUsed shows: the date (zero without one), the service and the Region.
func (c *cloud) lastUsed(id string) (time.Time, string) {
	c.t.Helper()
	out, err := c.iam().GetAccessKeyLastUsed(c.t.Context(), &iam.GetAccessKeyLastUsedInput{AccessKeyId: &id})
	must(c.t, err)
	return aws.ToTime(out.AccessKeyLastUsed.LastUsedDate), *out.AccessKeyLastUsed.ServiceName + " " + *out.AccessKeyLastUsed.Region
}

func TestAKeyNeverUsedHasNoDate(t *testing.T) {
	c := newCloud(t, awsemu.Options{})
	id, _ := c.user("ci")
	if at, where := c.lastUsed(id); !at.IsZero() || where != "N/A N/A" {
		t.Errorf("never used: %v %s", at, where)
	}
}

func TestLastUseHasAGranularityAndALag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(t, awsemu.Options{LastUsedLag: time.Hour})
		id, secret := c.user("ci")
		first := time.Now().UTC()
		for range 14 { // one use a minute: only the first of a quarter of an hour counts
			c.signIn(id, secret, "")
			<-time.After(time.Minute)
		}
		if at, _ := c.lastUsed(id); !at.IsZero() {
			t.Errorf("visible before the lag: %v", at)
		}
		<-time.After(time.Hour)
		if at, where := c.lastUsed(id); !at.Equal(first) || where != "sts "+region {
			t.Errorf("last used %v %s, want %v", at, where, first)
		}
		second := time.Now().UTC()
		c.signIn(id, secret, "")
		if at, _ := c.lastUsed(id); !at.Equal(first) {
			t.Errorf("the next use shows at once: %v", at)
		}
		<-time.After(time.Hour)
		if at, _ := c.lastUsed(id); !at.Equal(second) {
			t.Errorf("last used %v, want %v", at, second)
		}
	})
}

func TestWhichAttemptsMoveTheLastUse(t *testing.T) {
	cases := map[string]struct {
		count bool
		try   func(c *cloud, id, secret string)
		moves bool
	}{
		"an accepted request": {false, func(c *cloud, id, secret string) { c.signIn(id, secret, "") }, true},
		"a request that is then denied": {false, func(c *cloud, id, secret string) {
			_, _ = iam.NewFromConfig(c.config(id, secret, "")).ListUsers(c.t.Context(), nil)
		}, true},
		"a wrong signature": {false, func(c *cloud, id, secret string) { c.signIn(id, "x"+secret, "") }, false},
		"an inactive key, when such attempts do not count": {false, func(c *cloud, id, secret string) { c.setStatus("ci", id, awsemu.Inactive); c.signIn(id, secret, "") }, false},
		"an inactive key, when such attempts count":        {true, func(c *cloud, id, secret string) { c.setStatus("ci", id, awsemu.Inactive); c.signIn(id, secret, "") }, true},
		"an inactive key with a wrong signature": {true, func(c *cloud, id, secret string) {
			c.setStatus("ci", id, awsemu.Inactive)
			c.signIn(id, "x"+secret, "")
		}, false},
	}
	for name, tt := range cases {
		t.Run(name, func(t *testing.T) {
			c := newCloud(t, awsemu.Options{CountInactiveUse: tt.count})
			id, secret := c.user("ci")
			tt.try(c, id, secret)
			if at, _ := c.lastUsed(id); at.IsZero() == tt.moves {
				t.Errorf("last used %v", at)
			}
		})
	}
}

func TestTheCredentialReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCloud(t, awsemu.Options{ReportDelay: seconds(10)})
		id, secret := c.user("ci")
		made := time.Now().UTC().Format("2006-01-02T15:04:05+00:00")
		other, _ := c.create("ci")
		c.setStatus("ci", other, awsemu.Inactive)
		c.signIn(id, secret, "")
		get := func() (string, error) {
			out, err := c.iam().GetCredentialReport(t.Context(), &iam.GetCredentialReportInput{})
			if err != nil {
				return "", err
			}
			return string(out.Content), nil
		}
		generate := func(want types.ReportStateType) {
			t.Helper()
			out, err := c.iam().GenerateCredentialReport(t.Context(), &iam.GenerateCredentialReportInput{})
			must(t, err)
			if out.State != want {
				t.Errorf("state %s, want %s", out.State, want)
			}
		}
		refused := func(code string, httpStatus int) {
			t.Helper()
			_, err := get()
			wantCode(t, err, code)
			if status(err) != httpStatus {
				t.Errorf("status %d, want %d", status(err), httpStatus)
			}
		}
		refused("ReportNotPresent", http.StatusGone)
		generate(types.ReportStateTypeStarted)
		generate(types.ReportStateTypeInprogress)
		refused("ReportInProgress", http.StatusNotFound)
		<-time.After(seconds(10))
		generate(types.ReportStateTypeComplete)
		first, err := get()
		must(t, err)
		rows, err := csv.NewReader(strings.NewReader(first)).ReadAll()
		must(t, err)
		if len(rows) != 4 || len(rows[0]) != 22 || rows[1][0] != "<root_account>" || rows[2][0] != "ci" || rows[3][0] != awsemu.AdminUser {
			t.Fatalf("report:\n%s", first)
		}
		ci := rows[2][8:18]
		want := []string{"true", made, made, region, "sts", "false", "N/A", "N/A", "N/A", "N/A"}
		if !slices.Equal(ci, want) {
			t.Errorf("ci's keys %q, want %q", ci, want)
		}
		c.user("later")
		<-time.After(3 * time.Hour)
		generate(types.ReportStateTypeComplete)
		if again, _ := get(); again != first {
			t.Error("a new report within four hours")
		}
		<-time.After(time.Hour)
		refused("ReportExpired", http.StatusGone)
		generate(types.ReportStateTypeStarted)
		<-time.After(seconds(10))
		if next, err := get(); err != nil || !strings.Contains(next, "later,") {
			t.Errorf("next report %v:\n%s", err, next)
		}
	})
}

func TestTheCallLogCountersAndHooks(t *testing.T) {
	c := newCloud(t, awsemu.Options{CallLog: 3})
	id, secret := c.user("ci")
	var stages []awsemu.Stage
	remove := c.server.OnCall(func(call awsemu.Call, stage awsemu.Stage) {
		if call.Operation == "CreateAccessKey" {
			stages = append(stages, stage)
			if stage == awsemu.Before && c.truth() != 1 || stage == awsemu.After && c.truth() != 2 {
				t.Errorf("stage %v with %d keys", stage, c.truth())
			}
		}
	})
	c.create("ci")
	remove()
	if !slices.Equal(stages, []awsemu.Stage{awsemu.Before, awsemu.After}) {
		t.Errorf("stages %v", stages)
	}
	c.signIn(id, secret, "")
	c.signIn(id, "x"+secret, "")
	wantCode(t, c.tryCreate(t.Context()), "LimitExceeded")
	calls := c.server.Calls()
	if len(calls) != 3 || calls[0].Seq != 2 || calls[2].Seq != 4 {
		t.Fatalf("log %+v", calls)
	}
	ok, failed, limit := calls[0], calls[1], calls[2]
	if ok.Principal != "arn:aws:iam::"+prod+":user/ci" || ok.KeyID != id || ok.Service != "sts" || ok.Region != region || ok.Status != 200 {
		t.Errorf("sign-in %+v", ok)
	}
	if failed.Principal != "" || failed.Owner != "ci" || failed.ErrorCode != "SignatureDoesNotMatch" || failed.Status != 403 {
		t.Errorf("failed sign-in %+v", failed)
	}
	if limit.User != "ci" || limit.ErrorCode != "LimitExceeded" || limit.Status != 409 {
		t.Errorf("create %+v", limit)
	}
	total := 0
	for k, n := range c.server.Counts() {
		total += n
		if k.Operation == "CreateAccessKey" && (k.User != "ci" || n != 1) {
			t.Errorf("counter %+v = %d", k, n)
		}
	}
	if total != 4 {
		t.Errorf("%d calls counted, want 4", total)
	}
	sum := map[string]int{}
	for _, s := range c.server.SignIns() {
		if s.KeyID != id || s.User != "ci" || !strings.Contains(s.Agent, "aws-sdk-go") {
			t.Errorf("tally %+v", s)
		}
		sum["ok"] += s.OK
		sum["failed"] += s.Failed
		sum["other"] += s.Other
	}
	if !maps.Equal(sum, map[string]int{"ok": 1, "failed": 1, "other": 0}) {
		t.Errorf("tally %v", sum)
	}
	c.server.ResetCalls()
	if len(c.server.Calls())+len(c.server.Counts())+len(c.server.SignIns()) != 0 {
		t.Error("something is left after the reset")
	}
}

func TestAHookMayDropItsVeryCall(t *testing.T) {
	c := newCloud(t, awsemu.Options{})
	c.user("ci")
	c.server.OnCall(func(call awsemu.Call, stage awsemu.Stage) {
		if stage == awsemu.Before {
			c.server.Inject(awsemu.Fault{Kind: awsemu.DropBefore, Count: 1})
		}
	})
	if err := c.tryCreate(t.Context()); err == nil || c.truth() != 1 {
		t.Errorf("error %v, %d keys", err, c.truth())
	}
}
