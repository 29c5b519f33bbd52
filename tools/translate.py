"""Prints a SAM template as SAM translates it for CloudFormation, so that what SAM adds can be checked too.

It must not know the checks. It runs in the environment that holds SAM CLI, whose own translation it uses:
`sam validate` translates as well, but shows nobody the result.
"""

import sys

from samcli.lib.translate.sam_template_validator import SamTemplateValidator
from samcli.yamlhelper import yaml_dump, yaml_parse


class NoManagedPolicies:
    """Policies that are given by name would be asked of AWS; the template has none."""

    def load(self):
        return {}


def translate(template):
    validator = SamTemplateValidator(template, NoManagedPolicies(), region="us-east-1")
    translated = yaml_parse(validator.get_translated_template_if_valid())
    resources = translated["Resources"]
    # SAM leaves a function's answers to cfn-lint with the function; its policies are with its role.
    for name, resource in list(resources.items()):
        answers = resource.get("Metadata", {}).get("cfn-lint")
        if resource["Type"] == "AWS::Lambda::Function" and answers:
            resources[name + "Role"].setdefault("Metadata", {})["cfn-lint"] = answers
    return translated


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        print(yaml_dump(translate(yaml_parse(file.read()))), end="")
