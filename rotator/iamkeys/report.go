package iamkeys

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keyrotator/keyrotator/rotator"
)

var _ rotator.Inspector = (*Keyring)(nil)

// Inspect asks for the account's credential report and reads it: two calls for
// all users. AWS makes a new one at most every four hours and returns the
// earlier one until then. A report that is still being made is ErrThrottled:
// the next sweep will find it.
func (k *Keyring) Inspect(ctx context.Context) (rotator.Report, error) {
	what := "read the credential report of account " + k.account.Name()
	var x exchange
	if _, err := k.iam.GenerateCredentialReport(ctx, &iam.GenerateCredentialReportInput{}, x.read); err != nil {
		return rotator.Report{}, x.fail(what, err)
	}
	out, err := k.iam.GetCredentialReport(ctx, &iam.GetCredentialReportInput{}, x.read)
	if _, pending := errors.AsType[*types.CredentialReportNotReadyException](err); pending {
		return rotator.Report{}, fmt.Errorf("%s: it is still being made: %w", what, rotator.ErrThrottled)
	}
	if err != nil {
		return rotator.Report{}, x.fail(what, err)
	}
	report, err := parseReport(out.Content)
	if err != nil {
		return rotator.Report{}, fmt.Errorf("%s: %w: %w", what, rotator.ErrAmbiguous, err)
	}
	report.Made = aws.ToTime(out.GeneratedTime)
	return report, nil
}

// parseReport reads the CSV by its header, so that a column that AWS adds does
// not shift the others.
func parseReport(content []byte) (rotator.Report, error) {
	rows, err := csv.NewReader(bytes.NewReader(content)).ReadAll()
	if err != nil {
		return rotator.Report{}, fmt.Errorf("parse the report: %w", err)
	}
	if len(rows) == 0 {
		return rotator.Report{}, errors.New("parse the report: it is empty")
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	if _, ok := column["user"]; !ok {
		return rotator.Report{}, errors.New("parse the report: it has no column user")
	}
	report := rotator.Report{Users: map[string][2]rotator.Slot{}}
	for _, row := range rows[1:] {
		var slots [2]rotator.Slot
		for i := range slots {
			if slots[i], err = parseSlot(row, column, fmt.Sprintf("access_key_%d_", i+1)); err != nil {
				return rotator.Report{}, err
			}
		}
		report.Users[row[column["user"]]] = slots
	}
	return report, nil
}

func parseSlot(row []string, column map[string]int, prefix string) (rotator.Slot, error) {
	cells := map[string]string{}
	for _, name := range []string{"active", "last_rotated", "last_used_date"} {
		i, ok := column[prefix+name]
		if !ok {
			return rotator.Slot{}, fmt.Errorf("parse the report: it has no column %s%s", prefix, name)
		}
		cells[name] = row[i]
	}
	rotated, err := reportTime(cells["last_rotated"])
	if err != nil {
		return rotator.Slot{}, err
	}
	used, err := reportTime(cells["last_used_date"])
	if err != nil {
		return rotator.Slot{}, err
	}
	return rotator.Slot{Active: cells["active"] == "true", Rotated: rotated, Used: used}, nil
}

// reportTime reads a cell that is a time, or a word for none: N/A, or
// no_information for what happened before AWS kept track.
func reportTime(cell string) (time.Time, error) {
	switch cell {
	case "N/A", "no_information", "not_supported", "":
		return time.Time{}, nil
	default:
	}
	t, err := time.Parse(time.RFC3339, cell)
	if err != nil {
		return time.Time{}, fmt.Errorf("parse the report: %w", err)
	}
	return t.UTC(), nil
}
