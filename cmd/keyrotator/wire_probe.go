package main

import (
	"crypto/tls"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator"
	probeexec "github.com/keyrotator/keyrotator/store/probe/exec"
	probehttp "github.com/keyrotator/keyrotator/store/probe/http"
	"github.com/keyrotator/keyrotator/store/probe/prometheus"
	"github.com/keyrotator/keyrotator/store/probe/s3"
	"github.com/keyrotator/keyrotator/store/probe/smtp"
	"github.com/keyrotator/keyrotator/store/probe/sts"
)

// errNoProbe: the configuration has a kind of probe that nothing here makes.
var errNoProbe = errors.New("no kind of probe is wired for it")

// prober makes a probe of its kind, for what the configuration or the journal
// calls the consumer. A kind without a case is an error here, and of the test
// that asks for every kind of the configuration.
func (b storeBuilder) prober(user rotator.User, consumer string, p config.Probe) (rotator.Prober, error) {
	switch p.Kind() {
	case sts.Kind:
		return b.stsProbe(user, p.STS)
	case s3.Kind:
		return b.s3Probe(user, p.S3)
	case smtp.Kind:
		return smtpProbe(p.SMTP)
	case probehttp.Kind:
		return b.httpProbe(p.HTTP)
	case probeexec.Kind:
		return execProbe(user, consumer, p.Exec)
	case prometheus.Kind:
		return b.prometheusProbe(p.Prometheus)
	default:
		return nil, fmt.Errorf("probe of kind %q: %w", p.Kind(), errNoProbe)
	}
}

func (b storeBuilder) stsProbe(user rotator.User, p *config.ProbeSTS) (rotator.Prober, error) {
	home, ok := b.accounts[user.Account]
	if !ok {
		return nil, fmt.Errorf("account %q is not configured", user.Account)
	}
	var regions []aws.Config
	for _, region := range p.Regions {
		regions = append(regions, home.Config(region))
	}
	return sts.New(sts.Options{Regions: regions, Account: home.ID(), User: user.Name})
}

func (b storeBuilder) s3Probe(user rotator.User, p *config.ProbeS3) (rotator.Prober, error) {
	home, ok := b.accounts[user.Account]
	if !ok {
		return nil, fmt.Errorf("account %q is not configured", user.Account)
	}
	return s3.New(s3.Options{Config: home.Config(p.Region), Endpoint: p.Endpoint, Bucket: p.Bucket, Object: p.Object})
}

func smtpProbe(p *config.ProbeSMTP) (rotator.Prober, error) {
	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	if p.CAFile != "" {
		var err error
		if trust.RootCAs, err = authorities(p.CAFile); err != nil {
			return nil, fmt.Errorf("trust %s: %w", p.CAFile, err)
		}
	}
	return smtp.New(smtp.Options{Region: p.Region, Host: p.Host, Port: p.Port, Immediate: p.TLS == config.SMTPImmediate, TLS: trust})
}

func (b storeBuilder) httpProbe(p *config.ProbeHTTP) (rotator.Prober, error) {
	client, err := b.web.client(p.CAFile)
	if err != nil {
		return nil, err
	}
	return probehttp.New(probehttp.Options{
		Client: client, URL: p.URL, Status: p.Status, Contains: p.Contains, Field: p.Field, Equals: p.Equals, Timeout: p.Timeout,
	})
}

func execProbe(user rotator.User, consumer string, p *config.ProbeExec) (rotator.Prober, error) {
	payload, err := payloadOf(p.Format, p.Profile, p.Shape)
	if err != nil {
		return nil, err
	}
	run, err := programOf(p.Program)
	if err != nil {
		return nil, err
	}
	return probeexec.New(probeexec.Options{Program: run, Payload: payload, User: user.String(), Consumer: consumer})
}

func (b storeBuilder) prometheusProbe(p *config.ProbePrometheus) (rotator.Prober, error) {
	client, err := b.web.client(p.CAFile)
	if err != nil {
		return nil, err
	}
	return prometheus.New(prometheus.Options{
		Client: client, URL: p.URL, Query: p.Query, Token: p.Token.RevealSecretText(), Timeout: p.Timeout,
	})
}
