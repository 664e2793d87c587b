// Reads objects as a JSON list from standard input, and validates custom ones by their authors' own types. Prints a JSON
// list: for each object null, or what is wrong with it. Runs where the packages are, see test_schemas.py.
import { readFileSync } from "node:fs";
import * as keda from "@kubernetes-models/keda/keda.sh/v1alpha1";
import * as prometheus from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1";

const types = { ...keda, ...prometheus };

function complaint(object) {
    if (!(object.kind in types)) return `no type for ${object.kind}`;
    try {
        new types[object.kind](object).validate();
        return null;
    } catch (error) {
        return error.message;
    }
}

console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(complaint)));
