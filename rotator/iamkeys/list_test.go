package iamkeys_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/awsemu"
)

func member(user, id, status string) string {
	return fmt.Sprintf("<member><UserName>%s</UserName><AccessKeyId>%s</AccessKeyId><Status>%s</Status>"+
		"<CreateDate>2026-01-02T03:04:05Z</CreateDate></member>", user, id, status)
}

func page(members, marker string) string {
	rest := "<IsTruncated>false</IsTruncated>"
	if marker != "" {
		rest = "<IsTruncated>true</IsTruncated><Marker>" + marker + "</Marker>"
	}
	return "<ListAccessKeysResponse><ListAccessKeysResult><AccessKeyMetadata>" + members + "</AccessKeyMetadata>" +
		rest + "</ListAccessKeysResult></ListAccessKeysResponse>"
}

func TestListReadsAllPagesAndKeepsTheFirstDate(t *testing.T) {
	isolate(t)
	synctest.Test(t, func(t *testing.T) {
		first := time.Now().UTC().Truncate(time.Second)
		w := &wire{answer: func(body string) (*http.Response, error) {
			form, err := url.ParseQuery(body)
			if err != nil || form.Get("UserName") != "alice" {
				t.Errorf("asked %q", body)
			}
			switch form.Get("Marker") {
			case "":
				answer := respond(http.StatusOK, page(member("alice", "AKIAONE", "Active"), "two"))
				time.Sleep(time.Minute) // fake
				return answer, nil
			case "two":
				return respond(http.StatusOK, page("", "three")), nil
			default:
				return respond(http.StatusOK, page(member("alice", "AKIATWO", "Inactive"), "")), nil
			}
		}}
		o := options(w)
		o.CallTimeout = time.Hour
		got, err := keyring(t, o).List(t.Context(), alice())
		must(t, err)
		at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
		want := []rotator.Key{
			{ID: "AKIAONE", Status: rotator.Active, Created: at},
			{ID: "AKIATWO", Status: rotator.Inactive, Created: at},
		}
		if !slices.Equal(got.Keys, want) {
			t.Errorf("keys %v, want %v", got.Keys, want)
		}
		if !got.Date.Equal(first) {
			t.Errorf("date %s, want that of the first page %s", got.Date, first)
		}
	})
}

func TestListIsEmptyOnlyWhenAWSSaysSo(t *testing.T) {
	whole := page(member("alice", "AKIAONE", "Active"), "")
	cases := map[string]struct {
		body string
		want error
	}{
		"an empty list":                 {page("", ""), nil},
		"an empty list, short form":     {strings.Replace(page("", ""), "<AccessKeyMetadata></AccessKeyMetadata>", "<AccessKeyMetadata/>", 1), nil},
		"an empty body":                 {"", rotator.ErrAmbiguous},
		"an answer without a list":      {"<ListAccessKeysResponse><ListAccessKeysResult/></ListAccessKeysResponse>", rotator.ErrAmbiguous},
		"an answer that is cut":         {whole[:len(whole)-40], rotator.ErrAmbiguous},
		"another user's key":            {page(member("alice", "AKIAONE", "Active")+member("bob", "AKIATWO", "Active"), ""), rotator.ErrAmbiguous},
		"a key of nobody":               {page(member("", "AKIAONE", "Active"), ""), rotator.ErrAmbiguous},
		"a key without an id":           {page(member("alice", "", "Active"), ""), rotator.ErrAmbiguous},
		"a key without a status":        {page(member("alice", "AKIAONE", ""), ""), rotator.ErrAmbiguous},
		"a key without a date":          {strings.Replace(whole, "<CreateDate>2026-01-02T03:04:05Z</CreateDate>", "", 1), rotator.ErrAmbiguous},
		"more, but no word of where":    {strings.Replace(whole, ">false<", ">true<", 1), rotator.ErrAmbiguous},
		"pages that lead to themselves": {page("", "again"), rotator.ErrAmbiguous},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			isolate(t)
			synctest.Test(t, func(t *testing.T) {
				got, err := keyring(t, options(always(http.StatusOK, c.body))).List(t.Context(), alice())
				if c.want == nil {
					must(t, err)
				} else {
					wantOnly(t, err, c.want)
				}
				if len(got.Keys) != 0 {
					t.Errorf("keys %v, want none", got.Keys)
				}
			})
		})
	}
}

func TestListAgreesWithTheEmulator(t *testing.T) {
	isolate(t)
	synctest.Test(t, func(t *testing.T) {
		aws := newCloud(t, awsemu.Options{})
		aws.SetClockSkew(-2 * time.Minute)
		got, err := aws.keys.List(t.Context(), alice())
		must(t, err)
		if len(got.Keys) != 1 || string(got.Keys[0].ID) != aws.old.KeyID() || got.Keys[0].Status != rotator.Active {
			t.Errorf("keys %v", got.Keys)
		}
		if want := aws.Now().Truncate(time.Second); !got.Date.Equal(want) {
			t.Errorf("date %s, want AWS's clock %s", got.Date, want)
		}
		aws.Inject(awsemu.Fault{Kind: awsemu.NoDate})
		got, err = aws.keys.List(t.Context(), alice())
		must(t, err)
		if !got.Date.IsZero() {
			t.Errorf("date %s without a Date header", got.Date)
		}
	})
}

func TestListSurvivesOneThrottle(t *testing.T) {
	isolate(t)
	synctest.Test(t, func(t *testing.T) {
		aws := newCloud(t, awsemu.Options{})
		aws.Inject(awsemu.Fault{Kind: awsemu.Throttle, Count: 1})
		_, err := aws.keys.List(t.Context(), alice())
		must(t, err)
		aws.ClearFaults()
		aws.ResetCalls()
		aws.Inject(awsemu.Fault{Kind: awsemu.Throttle})
		_, err = aws.keys.List(t.Context(), alice())
		wantOnly(t, err, rotator.ErrThrottled)
		if n := len(aws.sent()); n != 3 {
			t.Errorf("%d calls, want 3", n)
		}
	})
}
