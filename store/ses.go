package store

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
)

// smtpPasswordVersion is the first byte of every SES SMTP password derived with
// signature version 4.
const smtpPasswordVersion = 0x04

// SMTPPassword derives the SES SMTP password of a secret access key for one
// Region. The SMTP user name is the access key id itself.
//
// The chain of HMACs, its fixed date and the version byte are those of AWS's
// guide, "Obtaining Amazon SES SMTP credentials": the key AWS4+secret signs in
// turn the date 11111111, the Region, "ses", "aws4_request" and "SendRawEmail".
func SMTPPassword(secret, region string) string {
	signature := []byte("AWS4" + secret)
	for _, message := range []string{"11111111", region, "ses", "aws4_request", "SendRawEmail"} {
		h := hmac.New(sha256.New, signature)
		h.Write([]byte(message)) // a hash never returns an error
		signature = h.Sum(nil)
	}
	return base64.StdEncoding.EncodeToString(append([]byte{smtpPasswordVersion}, signature...))
}

// fingerprint names a value that shows no key id. Access key secrets and what
// is derived from them have far too much entropy for a hash to be searched.
func fingerprint(value string) string {
	if value == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(value))
	return "sha256:" + hex.EncodeToString(sum[:])
}
