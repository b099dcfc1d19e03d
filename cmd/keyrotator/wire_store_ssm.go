package main

import (
	"fmt"

	sdkssm "github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/keyrotator/keyrotator/config"
	"github.com/keyrotator/keyrotator/rotator"
	"github.com/keyrotator/keyrotator/store"
	"github.com/keyrotator/keyrotator/store/ssm"
)

// ssm makes a store of the parameters that the configuration names.
func (b storeBuilder) ssm(user rotator.User, p *config.SSM) (store.Store, error) {
	holder, ok := b.accounts[p.Account]
	if !ok {
		return nil, fmt.Errorf("account %q is not configured", p.Account)
	}
	options := ssm.Options{
		Client: sdkssm.NewFromConfig(holder.Config(p.Region)), Region: p.Region,
		Owner: user.String(), Adopt: p.Adopt, Create: p.Create, KMSKeyID: p.KMSKey,
		Tier: map[string]string{"standard": "Standard", "advanced": "Advanced", "intelligent": "Intelligent-Tiering"}[p.Tier],
	}
	var err error
	if p.Single() {
		options.Parameter = p.Full(p.Variable)
		options.Payload, err = payloadOf(p.Format, p.Profile, p.Shape)
	} else {
		named := p.Variables
		for _, name := range []*string{&named.Fields.KeyID, &named.Fields.Secret, &named.Fields.SMTPUser, &named.Fields.SMTPPassword} {
			*name = p.Full(*name)
		}
		options.Variables, err = variablesOf(named)
	}
	if err != nil {
		return nil, err
	}
	return ssm.New(options)
}
