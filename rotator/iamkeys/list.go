package iamkeys

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keyrotator/keyrotator/rotator"
)

// maxPages bounds a listing. A user has two keys, eight were seen after a race
// (hashicorp/terraform-provider-aws#39693); a server that pages on and on is broken.
const maxPages = 50

// List reads all pages. Its Date is the first page's: the earliest, so that a
// grace never counts as passed too soon. An answer without a list, or with
// another user's key, is an error and never "no keys".
func (k *Keyring) List(ctx context.Context, user rotator.User) (rotator.Listing, error) {
	what := fmt.Sprintf("list the access keys of %s", user)
	if err := k.mine(user); err != nil {
		return rotator.Listing{}, fmt.Errorf("%s: %w", what, err)
	}
	var listing rotator.Listing
	var marker *string
	for page := range maxPages {
		var x exchange
		out, err := k.iam.ListAccessKeys(ctx, &iam.ListAccessKeysInput{
			UserName: aws.String(user.Name),
			Marker:   marker,
		}, x.read)
		if err != nil {
			return rotator.Listing{}, x.fail(what, err)
		}
		if page == 0 {
			listing.Date = x.date
		}
		if listing.Keys, err = appendKeys(listing.Keys, out.AccessKeyMetadata, user); err != nil {
			return rotator.Listing{}, fmt.Errorf("%s: %w", what, err)
		}
		if !out.IsTruncated {
			return listing, nil
		}
		next := aws.ToString(out.Marker)
		if next == "" || next == aws.ToString(marker) {
			break
		}
		marker = out.Marker
	}
	return rotator.Listing{}, fmt.Errorf("%s: the pages do not end: %w", what, rotator.ErrAmbiguous)
}

// appendKeys adds one page. The SDK reads an empty body as an answer without a
// list, which must not pass for a user without keys.
func appendKeys(keys []rotator.Key, page []types.AccessKeyMetadata, user rotator.User) ([]rotator.Key, error) {
	if page == nil {
		return nil, fmt.Errorf("the answer holds no list: %w", rotator.ErrAmbiguous)
	}
	for _, m := range page {
		id := aws.ToString(m.AccessKeyId)
		if got := aws.ToString(m.UserName); got != user.Name {
			return nil, fmt.Errorf("the answer holds key %q of user %q: %w", id, got, rotator.ErrAmbiguous)
		}
		if id == "" || m.Status == "" || m.CreateDate == nil {
			return nil, fmt.Errorf("the answer does not tell id, status and date of key %q: %w", id, rotator.ErrAmbiguous)
		}
		keys = append(keys, rotator.Key{ID: rotator.KeyID(id), Status: rotator.Status(m.Status), Created: *m.CreateDate})
	}
	return keys, nil
}
