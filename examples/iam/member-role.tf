# The role that keyrotator takes in a member account: apply it once in each account.
# The account of the provider is the member account. docs/operating/iam.md tells what
# each action is for, and which statements may be left out.

variable "keyrotator_principal" {
  description = "ARN of the role or user that keyrotator runs as, in its own account."
  type        = string
}

variable "external_id" {
  description = "external_id of the account in keyrotator's configuration."
  type        = string
  sensitive   = true
}

variable "users_path" {
  description = "Path of the IAM users that are rotated; it begins and ends with a slash."
  type        = string
  default     = "/rotated/"
}

variable "region" {
  description = "Region of the secrets and parameters."
  type        = string
}

data "aws_caller_identity" "member" {}

data "aws_partition" "member" {}

locals {
  account = data.aws_caller_identity.member.account_id
  arn     = "arn:${data.aws_partition.member.partition}"
}

data "aws_iam_policy_document" "trust" {
  statement {
    sid     = "KeyrotatorAndNobodyElse"
    actions = ["sts:AssumeRole"]
    principals {
      type        = "AWS"
      identifiers = [var.keyrotator_principal]
    }
    condition {
      test     = "StringEquals"
      variable = "sts:ExternalId"
      values   = [var.external_id]
    }
  }
  statement {
    sid     = "TagsThatPodIdentityPassesOn"
    actions = ["sts:TagSession"]
    principals {
      type        = "AWS"
      identifiers = [var.keyrotator_principal]
    }
  }
}

data "aws_iam_policy_document" "permissions" {
  statement {
    sid = "KeysOfManagedUsers"
    actions = [
      "iam:GetUser",
      "iam:ListAccessKeys",
      "iam:GetAccessKeyLastUsed",
      "iam:CreateAccessKey",
      "iam:UpdateAccessKey",
      "iam:DeleteAccessKey",
    ]
    resources = ["${local.arn}:iam::${local.account}:user${var.users_path}*"]
  }
  statement {
    sid       = "SweepOfTheAccount"
    actions   = ["iam:GenerateCredentialReport", "iam:GetCredentialReport"]
    resources = ["*"]
  }
  statement {
    sid = "SecretsOfManagedUsers"
    actions = [
      "secretsmanager:DescribeSecret",
      "secretsmanager:GetSecretValue",
      "secretsmanager:PutSecretValue",
      "secretsmanager:UpdateSecretVersionStage",
    ]
    resources = ["${local.arn}:secretsmanager:${var.region}:${local.account}:secret:rotated/*"]
  }
  statement {
    sid       = "SecretsThatAreMade"
    actions   = ["secretsmanager:CreateSecret"]
    resources = ["${local.arn}:secretsmanager:${var.region}:${local.account}:secret:rotated/*"]
  }
  statement {
    sid = "ParametersOfManagedUsers"
    actions = [
      "ssm:GetParameter",
      "ssm:GetParameterHistory",
      "ssm:PutParameter",
    ]
    resources = ["${local.arn}:ssm:${var.region}:${local.account}:parameter/rotated/*"]
  }
  # For secrets and parameters with a KMS key of your own: name that key instead.
  statement {
    sid       = "KeysThatEncryptThem"
    actions   = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"]
    resources = ["${local.arn}:kms:${var.region}:${local.account}:key/*"]
    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["secretsmanager.${var.region}.amazonaws.com", "ssm.${var.region}.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "keyrotator" {
  name                 = "keyrotator"
  description          = "Rotates the access keys of the users below ${var.users_path}"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  max_session_duration = 3600
}

resource "aws_iam_role_policy" "keyrotator" {
  name   = "keyrotator"
  role   = aws_iam_role.keyrotator.id
  policy = data.aws_iam_policy_document.permissions.json
}

output "role_arn" {
  description = "role of the account in keyrotator's configuration."
  value       = aws_iam_role.keyrotator.arn
}
