// Package awsemu is an AWS to test and to demonstrate against: the parts of IAM, STS, Secrets Manager and SSM
// Parameter Store that rotating access keys needs, over the real wire formats, with real signature checks, AWS's
// delays and a fault script. Nothing in it knows the rest of this program.
//
// Three ways in: [Server.Transport] is an in-process RoundTripper for any host name, which works inside a
// testing/synctest bubble; [Server.Listen] is a listening server, on loopback only; [Server] itself is an
// http.Handler. Service and Region are taken from the signature's credential scope, so one endpoint serves all.
// The administration (CreateAccount, Admin, CreateUser, …) needs no signature and no network.
//
// # What it reproduces
//
// AWS publishes little of this as a contract. Each fact below names where it was found; "model" is the published API
// model, "guide" are AWS's user guides, and a thread is named owner/repository#number.
//
// Access keys:
//
//   - Two keys a user, Inactive ones included (guide "IAM and AWS STS quotas"; fwdcloudsec/granted#388). The third is
//     409 LimitExceeded, "Cannot exceed quota for AccessKeysPerUser: 2".
//   - The quota is not airtight: parallel calls made eight keys of one user (hashicorp/terraform-provider-aws#39693).
//     The [QuotaRace] fault.
//   - The secret is returned once, by CreateAccessKey, which has no idempotency token: a repeated call makes a second
//     key (model). With [LoseAnswer] a client that retries loses a key.
//   - Calls on unknown users or keys are 404 NoSuchEntity; DeleteUser with keys is 409 DeleteConflict; an empty
//     UserName means the caller, and temporary credentials must name the user (model).
//   - A new key is refused for 3–15 s (hashicorp/go-secure-stdlib#10, 99designs/aws-vault#170, aws/aws-sdk-js#559):
//     Options.NewKeyDelay. One run in ten fails again after a first success (rhyeal/aws-rotate-iam-keys#81):
//     [FlapNewKey]. Reactivating a key acts at once, because no figure for it was found.
//   - A dead key works for about 3–4 s: Options.DeadKeyGrace, and [KeepAlive] for longer. Lists are stale for seconds:
//     Options.ListLag and [StaleList].
//   - Last use has a granularity of 15 minutes, of which the first use counts, and comes late; a key that was never
//     seen has no date and N/A for Region and service (model of GetAccessKeyLastUsed). Whether attempts with a dead
//     key count is unproven: Options.CountInactiveUse gives both.
//   - sts:GetAccessKeyInfo reads the account from any key id. Ids carry it in the same bits as AWS's.
//
// Errors, by protocol (query and XML for IAM and STS; JSON 1.1 for Secrets Manager and SSM, always status 400):
//
//	unknown or dead key   403 InvalidClientTokenId      UnrecognizedClientException
//	wrong signature       403 SignatureDoesNotMatch     InvalidSignatureException
//	over 15 minutes off   403 SignatureDoesNotMatch     InvalidSignatureException   (devsecops/bootcamp#101, aws/aws-sdk-js#254)
//	pre-signed, expired   400 RequestExpired
//	expired session       403 ExpiredToken              ExpiredTokenException       (aws/aws-sdk-java-v2#1649)
//	not allowed           403 AccessDenied              AccessDeniedException
//	throttled             400 Throttling                ThrottlingException
//	not found             404 NoSuchEntity              ResourceNotFoundException (SSM: ParameterNotFound)
//
// The credential report takes two calls, has 22 columns and no key ids, starts with <root_account>, is made at most
// once in four hours, and shows N/A as the rotation date of a key that is not active (guide "Getting credential
// reports"). Errors: 410 ReportNotPresent and ReportExpired, 404 ReportInProgress (model; scality/Arsenal#1268).
//
// Secrets Manager (API reference of PutSecretValue and UpdateSecretVersionStage): a label sits on one version; a first
// version gets AWSCURRENT; a put without stages moves AWSCURRENT, a put with stages moves just those; AWSPREVIOUS goes
// to the version that AWSCURRENT leaves; UpdateSecretVersionStage needs the present holder in RemoveFromVersionId,
// which makes it a compare-and-swap. A ClientRequestToken has 32–64 characters and must be there (aws/aws-sdk-js-v3#4640);
// the same token with the same value changes nothing, with another value it is a ResourceExistsException. At most
// 65,536 bytes (wording: kubernetes-sigs/cluster-api-provider-aws#1531); about a hundred versions, none younger than
// a day is removed. A secret that is scheduled for deletion answers InvalidRequestException.
//
// # Where it is simpler than AWS
//
// Policies are [Server.Allow] and [Server.Deny] on action names; resources and conditions are not looked at, and
// session policies are ignored. Users may do nothing until Allow, the administrator and roles everything until Deny.
// IAM may be signed for any Region, as clients with a custom endpoint do. Groups, login profiles, MFA, managed
// policies and KMS are absent. Only SigV4 with X-Amz-Date is understood, in the Authorization header or pre-signed;
// unsigned payloads are refused, as none of these services takes them.
package awsemu
