package config

import "regexp"

// bucketName is from the S3 user guide, "General purpose bucket naming rules".
var bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)

// maxObjectKey is from the S3 user guide, "Naming Amazon S3 objects", in bytes.
const maxObjectKey = 1024

// ProbeS3 asks S3 with the credential.
type ProbeS3 struct {
	Bucket   string `yaml:"bucket" jsonschema:"required" doc:"The bucket's name. Without object, the probe needs s3:ListBucket on it."`
	Object   string `yaml:"object" doc:"Key of an object in it; the probe then needs s3:GetObject on that."`
	Region   string `yaml:"region" doc:"The bucket's Region; by default the account's."`
	Endpoint string `yaml:"endpoint" doc:"URL of an S3-compatible server; by default the account's endpoint, else AWS. It must be https, or http on loopback."`
}

func (p *ProbeS3) complete(c *Config, u User, _ Consumer) {
	if a := c.Accounts[u.Account()]; p.Region == "" {
		p.Region = a.Region
	}
	if p.Endpoint == "" {
		p.Endpoint = c.Accounts[u.Account()].Endpoint
	}
}

func (p *ProbeS3) check(c *checker, path string) {
	c.match(path+".bucket", p.Bucket, bucketName, "a bucket's name (3 to 63 lower-case letters, digits, dots or hyphens)")
	c.optional(path+".region", p.Region, regionName, "a Region such as eu-west-1")
	c.notEmpty(path+".object", p.Object)
	if len(p.Object) > maxObjectKey && c.usable(path+".object") {
		c.fail(path+".object", "is longer than the 1024 bytes of an object's key", "")
	}
	c.plainURL(path+".endpoint", p.Endpoint)
}

// How an SMTP session becomes encrypted.
const (
	SMTPStartTLS  = "starttls"
	SMTPImmediate = "immediate"
)

// ProbeSMTP logs in to SES. Host and Port are filled in.
type ProbeSMTP struct {
	Region string `yaml:"region" doc:"The Region that the password is derived for; by default the account's."`
	Host   string `yaml:"host" doc:"The server; by default email-smtp.REGION.amazonaws.com."`
	Port   int    `yaml:"port" jsonschema:"minimum=1,maximum=65535" doc:"Its port; by default 587 with starttls, 465 with immediate."`
	TLS    string `yaml:"tls" jsonschema:"default=starttls,enum=starttls,enum=immediate" doc:"How the session becomes encrypted: by STARTTLS, without which nothing is sent, or from its first byte."`
	CAFile string `yaml:"ca_file" doc:"Absolute path of PEM certificates that are trusted beside the system's."`
}

// complete follows the SES developer guide, "Connecting to an Amazon SES SMTP
// endpoint", for the ports, and the General Reference for the names.
func (p *ProbeSMTP) complete(c *Config, u User, _ Consumer) {
	if p.Region == "" {
		p.Region = c.Accounts[u.Account()].Region
	}
	if p.Host == "" {
		p.Host = "email-smtp." + p.Region + ".amazonaws.com"
	}
	if p.Port == 0 {
		p.Port = 587
		if p.TLS == SMTPImmediate {
			p.Port = 465
		}
	}
}

func (p *ProbeSMTP) check(c *checker, path string) {
	c.optional(path+".region", p.Region, regionName, "a Region such as eu-west-1")
	c.hostName(path+".host", p.Host)
	c.caFile(path+".ca_file", p.CAFile)
}
