"""Combinations of values that the chart is rendered with; between them they switch everything on and off once."""

DIGEST = "sha256:" + "0123456789abcdef" * 4
GATEWAY = {"gateway": {"url": "https://cards.example"}}

CASES = {
    "defaults": GATEWAY,
    "quickstart": {"quickstart": True},
    "quickstart-that-forgets": {
        "quickstart": True,
        "services": {name: {"persistence": {"enabled": False}} for name in ("order-service", "audit-service")},
        "gatewaySim": {"persistence": {"enabled": False}},
        "quickstartNats": {"persistence": {"enabled": False}},
        "networkPolicy": {"enabled": False},
    },
    "postgres-and-ingress": GATEWAY
    | {
        "services": {
            "order-service": {
                "replicas": 3,
                "database": {"existingSecret": "order-database"},
                "ingress": {"enabled": True, "className": "nginx", "host": "shop.example", "tlsSecret": "shop-tls"},
            },
            "audit-service": {"replicas": 2, "database": {"existingSecret": "audit-database", "key": "url"}},
        },
        "networkPolicy": {"databaseTo": [{"podSelector": {"matchLabels": {"app": "postgres"}}}]},
    },
    "keda-and-monitoring": GATEWAY
    | {
        "nats": {"monitoringEndpoint": "nats-headless.nats.svc.cluster.local:8222"},
        "services": {
            "payment-service": {"autoscaling": {"kind": "keda", "maxReplicas": 9, "lagThreshold": 2000000}},
            "notification-service": {"autoscaling": {"kind": "keda"}},
        },
        "monitoring": {
            "podMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
            "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
            "dashboards": {"enabled": True, "annotations": {"grafana_folder": "orderfleet"}},
        },
    },
    "hpa-and-budgets": GATEWAY
    | {
        "defaults": {"autoscaling": {"minReplicas": 1}},
        "services": {
            "payment-service": {"autoscaling": {"kind": "hpa", "minReplicas": 3}, "pdb": {"minAvailable": 0}},
            "notification-service": {"autoscaling": {"kind": "hpa"}},
            "order-service": {"pdb": {"maxUnavailable": "50%"}},
            "inventory-service": {"pdb": {"enabled": False}},
        },
    },
    "nkeys-and-tls": {
        "gateway": {"url": "https://cards.example", "caSecret": "cards-ca", "caKey": "root.pem"},
        "nats": {
            "url": "tls://a.example:4222,tls://b.example:4222",
            "auth": {"method": "nkey", "existingSecret": "fleet-nkeys", "key": "{user}.nk"},
            "tls": {"enabled": True, "first": True, "caSecret": "nats-ca", "clientSecret": "{user}-tls"},
        },
        "networkPolicy": {"natsTo": [{"ipBlock": {"cidr": "203.0.113.0/24"}}], "apiFrom": []},
    },
    "creds-and-mirrors": GATEWAY
    | {
        "global": {"imageRegistry": "mirror.example", "imagePullSecrets": ["mirror"]},
        "namePrefix": "blue-",
        "commonLabels": {"team": "orders"},
        "image": {"repository": "shop/orderfleet", "tag": "1.2.3", "pullPolicy": "Always"},
        "nats": {"auth": {"method": "creds"}},
        "services": {"order-service": {"image": {"digest": DIGEST}}, "audit-service": {"image": {"tag": "1.2.4"}}},
        "command": {"image": {"digest": DIGEST}},
    },
    "every-setting": GATEWAY
    | {
        "telemetry": {
            "logLevel": "info,messaging=debug",
            "logFormat": "text",
            "otlpEndpoint": "http://collector:4318",
            "sampler": "parentbased_traceidratio",
            "samplerArg": "0.1",
        },
        "services": {
            "order-service": {
                "settings": {
                    "ORDER_DEADLINE": 31536000,
                    "CANCEL_WINDOW": 60,
                    "STUCK_AFTER": 120,
                    "JOURNAL_LEASE": 5,
                    "SNAPSHOT_INTERVAL": 30,
                },
                "extraEnv": [{"name": "OTEL_RESOURCE_ATTRIBUTES", "value": "region=eu"}],
                "extraVolumes": [{"name": "extra", "emptyDir": {}}],
                "extraVolumeMounts": [{"name": "extra", "mountPath": "/extra"}],
            },
            "inventory-service": {
                "settings": {"ADJUSTMENT_MEMORY": 86400, "JOURNAL_LEASE": 5, "SNAPSHOT_INTERVAL": 30},
                "preStop": 0,
                "spread": False,
            },
            "payment-service": {
                "drainTimeout": 60,
                "terminationGracePeriodSeconds": 90,
                "settings": {
                    "GATEWAY_TIMEOUT": 30,
                    "GATEWAY_SETTLE": 0,
                    "LOOK_FIRST": True,
                    "CHARGE_CONCURRENCY": 32,
                    "MAX_ATTEMPTS": 5,
                    "BREAKER_FAILURES": 3,
                    "BREAKER_OPEN": 1,
                    "BREAKER_OPEN_MAX": 5,
                },
            },
            "notification-service": {
                "settings": {"NOTIFY_CONCURRENCY": 8, "MAX_ATTEMPTS": 3},
                "nodeSelector": {"disk": "ssd"},
                "tolerations": [{"key": "spot", "operator": "Exists"}],
                "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
                "priorityClassName": "low",
                "podAnnotations": {"note": "x"},
                "podLabels": {"tier": "back"},
                "serviceAccountAnnotations": {"role": "y"},
            },
        },
        "networkPolicy": {"notificationTo": [{"ipBlock": {"cidr": "198.51.100.0/24"}}], "notificationPorts": [25, 443]},
        "extraObjects": [
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "extra-{{ .Release.Name }}"},
                "data": {"a": "b"},
            }
        ],
    },
    "simulator-alone": {
        "gatewaySim": {"enabled": True, "settings": {"GATEWAY_SEED": 7}},
        "nats": {"auth": {"method": "none"}},
        "setup": {"enabled": False},
        "defaults": {"replicas": 1},
        "services": {"order-service": {"persistence": {"enabled": False}}},
    },
    "setup-beside": GATEWAY | {"setup": {"mode": "job", "replicas": 1, "maxAge": "30d", "maxBytes": "16GiB"}},
}
