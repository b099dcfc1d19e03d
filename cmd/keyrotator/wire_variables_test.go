package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/store"
)

func TestVariablesAreWhatTheConfigurationSays(t *testing.T) {
	credential := store.NewCredential("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
	fields := config.Fields{KeyID: "ID", Secret: "SECRET"}
	tests := []struct {
		name string
		v    config.Variables
		want []string // names
		last string   // part of the last value
	}{
		{"two of them, the id last", config.Variables{Shape: config.Shape{Fields: fields}}, []string{"SECRET", "ID"}, "AKIAIOSFODNN7EXAMPLE"},
		{
			"SMTP beside the key", config.Variables{Shape: config.Shape{
				Fields:    config.Fields{KeyID: "ID", Secret: "SECRET", SMTPUser: "USER", SMTPPassword: "PASSWORD"},
				SESRegion: "eu-west-1",
			}}, []string{"SECRET", "PASSWORD", "ID", "USER"}, "AKIAIOSFODNN7EXAMPLE",
		},
		{"one JSON document", config.Variables{Variable: "AWS", Format: config.FormatJSON, Shape: config.Shape{Fields: fields}}, []string{"AWS"}, `"SECRET"`},
		{"one credentials file", config.Variables{Variable: "AWS", Format: config.FormatCredentials, Profile: "ci"}, []string{"AWS"}, "[ci]"},
		{"one template", config.Variables{Variable: "AWS", Format: config.FormatTemplate, Shape: config.Shape{Template: "<{{.KeyID}}>"}}, []string{"AWS"}, "<AKIA"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			made, err := variablesOf(tt.v)
			if err != nil {
				t.Fatal(err)
			}
			rendered, err := made.Render(credential)
			if err != nil || !slices.Equal(made.Names(), tt.want) {
				t.Fatalf("variables %q (%v), want %q", made.Names(), err, tt.want)
			}
			if last := rendered[len(rendered)-1]; !strings.Contains(last.RevealValue(), tt.last) {
				t.Errorf("the last variable, %s, lacks %q", last.Name, tt.last)
			}
		})
	}
	if _, err := variablesOf(config.Variables{Variable: "AWS", Format: "xml"}); err == nil {
		t.Error("an unknown format is no error")
	}
}
