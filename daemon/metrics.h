/* metrics.h - the page /metrics: how server, zones and mirrors are, in Prometheus's text form. */
#ifndef DAEMON_METRICS_H
#define DAEMON_METRICS_H

#include "daemon/http.h"

extern const struct page metrics_page;
#endif
