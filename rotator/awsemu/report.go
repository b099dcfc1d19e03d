package awsemu

import (
	"encoding/base64"
	"encoding/csv"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// reportLife is how long a credential report is current: no new one is made before, and it expires after (AWS
// guide, "Getting credential reports for your AWS account").
const reportLife = 4 * time.Hour

// report is an account's newest credential report. The zero value means that none was ever asked for.
type report struct {
	started, done time.Time // base clock
	generated     time.Time // emulator's clock
	content       string
}

type generateReportResult struct {
	State       string
	Description string `xml:",omitempty"`
}

// generateCredentialReport starts a report unless one is on its way or younger than four hours. What it will say is
// fixed now.
func (s *Server) generateCredentialReport(q *request) (any, error) {
	r := &q.caller.account().report
	switch {
	case r.started.IsZero() || q.base.Sub(r.done) >= reportLife:
		delay := s.opt.ReportDelay
		content, err := q.caller.account().credentialReport(q.base)
		if err != nil {
			return nil, err
		}
		*r = report{started: q.base, done: q.base.Add(delay), generated: q.at.Add(delay), content: content}
		return generateReportResult{"STARTED", "No report exists. Starting a new report generation task"}, nil
	case q.base.Before(r.done):
		return generateReportResult{State: "INPROGRESS"}, nil
	default:
		return generateReportResult{State: "COMPLETE"}, nil
	}
}

type getReportResult struct {
	Content       string
	ReportFormat  string
	GeneratedTime string
}

// getCredentialReport refuses with the codes and the statuses of the API model (they are listed in
// scality/Arsenal#1268, too).
func (s *Server) getCredentialReport(q *request) (any, error) {
	r := q.caller.account().report
	switch {
	case r.started.IsZero():
		return nil, refuse(http.StatusGone, "ReportNotPresent", "No report exists. To generate one, use GenerateCredentialReport.")
	case q.base.Before(r.done):
		return nil, refuse(http.StatusNotFound, "ReportInProgress", "The credential report is still being generated.")
	case q.base.Sub(r.done) >= reportLife:
		return nil, refuse(http.StatusGone, "ReportExpired", "The most recent credential report has expired. To generate a new one, use GenerateCredentialReport.")
	}
	return getReportResult{base64.StdEncoding.EncodeToString([]byte(r.content)), "text/csv", xmlTime(r.generated)}, nil
}

// reportColumns are the report's twenty-two columns, in AWS's order.
func reportColumns() []string {
	return []string{
		"user", "arn", "user_creation_time", "password_enabled", "password_last_used", "password_last_changed",
		"password_next_rotation", "mfa_active",
		"access_key_1_active", "access_key_1_last_rotated", "access_key_1_last_used_date", "access_key_1_last_used_region", "access_key_1_last_used_service",
		"access_key_2_active", "access_key_2_last_rotated", "access_key_2_last_used_date", "access_key_2_last_used_region", "access_key_2_last_used_service",
		"cert_1_active", "cert_1_last_rotated", "cert_2_active", "cert_2_last_rotated",
	}
}

const notApplicable = "N/A"

// credentialReport is the CSV: the root's row first, then the users by name.
func (a *account) credentialReport(base time.Time) (string, error) {
	var text strings.Builder
	w := csv.NewWriter(&text)
	noKey := []string{"false", notApplicable, notApplicable, notApplicable, notApplicable}
	noCerts := []string{"false", notApplicable, "false", notApplicable}
	root := []string{
		"<root_account>", "arn:aws:iam::" + a.id + ":root", reportTime(a.created),
		"not_supported", "no_information", "not_supported", "not_supported", "false",
	}
	rows := [][]string{reportColumns(), slices.Concat(root, noKey, noKey, noCerts)}
	for _, u := range a.byName("") {
		row := []string{u.name, u.arn(), reportTime(u.created), "false", notApplicable, notApplicable, notApplicable, "false"}
		for slot := 1; slot <= keysPerUser; slot++ {
			i := slices.IndexFunc(u.keys, func(k *accessKey) bool { return k.slot == slot })
			if i < 0 {
				row = append(row, noKey...)
				continue
			}
			row = append(row, u.keys[i].reportCells(base)...)
		}
		rows = append(rows, append(row, noCerts...))
	}
	if err := w.WriteAll(rows); err != nil {
		return "", err
	}
	return text.String(), nil
}

// reportCells are one key slot's five columns. The rotation date is N/A unless the key is active.
func (k *accessKey) reportCells(base time.Time) []string {
	cells := []string{strconv.FormatBool(k.status == Active), notApplicable, notApplicable, notApplicable, notApplicable}
	if k.status == Active {
		cells[1] = reportTime(k.created)
	}
	if seen := k.uses.visible(base); seen != nil {
		cells[2], cells[3], cells[4] = reportTime(seen.at), seen.region, seen.service
	}
	return cells
}

func reportTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05+00:00") }
