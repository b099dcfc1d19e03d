package main

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdkssm "github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/rotator/account"
	"github.com/keyrotator/keyrotator/store"
)

func TestParametersAreNamedAsConfigured(t *testing.T) {
	w := newWorld(t)
	holder, err := account.New(t.Context(), account.Options{Name: "emu", Region: "us-east-1", Credentials: w.key, Transport: w.emu.Transport()})
	if err != nil {
		t.Fatal(err)
	}
	b := storeBuilder{accounts: map[string]*account.Account{"emu": holder}}
	client := sdkssm.NewFromConfig(holder.Config("eu-west-1"))
	fields := config.Fields{KeyID: "id", Secret: "secret"}
	for _, tt := range []struct {
		name string
		p    config.SSM
		want map[string]string
		tier string
	}{
		{
			"one parameter a value", config.SSM{Path: "/a", Variables: config.Variables{Shape: config.Shape{Fields: fields}}},
			map[string]string{"/a/id": "AKIAEXAMPLE", "/a/secret": "made/up"}, "Standard",
		},
		{
			"one document", config.SSM{Path: "/b", Tier: "advanced", KMSKey: "alias/mine", Variables: config.Variables{Variable: "key", Format: config.FormatJSON, Shape: config.Shape{Fields: fields}}},
			map[string]string{"/b/key": `{"id": "AKIAEXAMPLE", "secret": "made/up"}`}, "Advanced",
		},
		{
			"names without a path", config.SSM{Variables: config.Variables{Variable: "key", Format: config.FormatTemplate, Shape: config.Shape{Template: "{{.KeyID}}"}}},
			map[string]string{"key": "AKIAEXAMPLE"}, "Standard",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := tt.p
			p.Account, p.Region, p.Create = "emu", "eu-west-1", true
			place, err := b.store(rotator.User{Account: "emu", Name: "ci"}, config.Store{SSM: &p})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := place.Put(t.Context(), store.NewCredential("AKIAEXAMPLE", "made/up")); err != nil {
				t.Fatal(err)
			}
			for name, want := range tt.want {
				checkParameter(t.Context(), t, client, name, want, tt.tier, p.KMSKey)
			}
		})
	}
	if _, err := b.ssm(rotator.User{}, &config.SSM{Account: "nowhere"}); err == nil {
		t.Error("a parameter of an account that is not configured is no error")
	}
}

func checkParameter(ctx context.Context, t *testing.T, client *sdkssm.Client, name, want, tier, key string) {
	t.Helper()
	out, err := client.GetParameterHistory(ctx, &sdkssm.GetParameterHistoryInput{Name: &name, WithDecryption: aws.Bool(true)})
	if err != nil || len(out.Parameters) != 1 {
		t.Fatalf("history of %s: %v", name, err)
	}
	held := out.Parameters[0]
	if strings.TrimSpace(*held.Value) != want || string(held.Tier) != tier || key != "" && *held.KeyId != key {
		t.Errorf("%s holds %s in the tier %s with the key %s", name, *held.Value, held.Tier, *held.KeyId)
	}
}
