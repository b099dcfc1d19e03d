package config

import (
	"reflect"
	"testing"
	"time"
)

func TestEveryKindOfReloadAndProbeCanBeChecked(t *testing.T) {
	for _, section := range []reflect.Type{reflect.TypeFor[Reload](), reflect.TypeFor[Probe]()} {
		fields := kindFields(section)
		if len(fields) < 2 {
			t.Errorf("%s has %d kinds", section, len(fields))
		}
		for _, f := range fields {
			if !section.FieldByIndex(f.index).Type.Implements(reflect.TypeFor[actionKind]()) {
				t.Errorf("%s.%s lacks methods of actionKind", section, f.name)
			}
		}
	}
}

func TestReloadsAndProbesTakeTheirDefaults(t *testing.T) {
	cfg, err := Parse("reload-and-probe.yaml", read(t, "testdata/good/reload-and-probe.yaml"), testEnv())
	if err != nil {
		t.Fatal(err)
	}
	c := cfg.Users[0].Consumers
	for _, x := range []struct {
		name       string
		have, want any
	}{
		{"limit given", c[0].Reload.Limit, 20 * time.Minute},
		{"limit", c[1].Reload.Limit, 10 * time.Minute},
		{"kind of reload", c[1].Reload.Kind(), "webhook"},
		{"variable from the environment", c[0].Reload.Exec.Environment["REGION"], "eu-west-1"},
		{"timeout of a program", c[5].Probe.Exec.Timeout, 20 * time.Second},
		{"timeout of a hook", c[1].Reload.Webhook.Timeout, 5 * time.Second},
		{"Regions", c[0].Probe.STS.Regions[0], "eu-west-1"},
		{"Regions given", len(c[7].Probe.STS.Regions), 2},
		{"successes", c[1].Probe.Successes, 1},
		{"every", c[1].Probe.Every, time.Minute},
		{"bucket's Region", c[1].Probe.S3.Region, "eu-west-1"},
		{"S3's endpoint is the account's", c[1].Probe.S3.Endpoint, "https://aws.example.com"},
		{"SMTP", *c[2].Probe.SMTP, ProbeSMTP{Region: "eu-west-1", Host: "email-smtp.eu-west-1.amazonaws.com", Port: 587, TLS: SMTPStartTLS}},
		{"SMTP at once", *c[3].Probe.SMTP, ProbeSMTP{Region: "us-east-1", Host: "mail.example.com", Port: 465, TLS: SMTPImmediate}},
		{"status", c[4].Probe.HTTP.Status, 200},
		{"fields of a probe", c[5].Probe.Exec.Fields.KeyID, "AWS_ACCESS_KEY_ID"},
		{"no kind", Probe{}.Kind(), ""},
	} {
		if x.have != x.want {
			t.Errorf("%s = %v, want %v", x.name, x.have, x.want)
		}
	}
}
