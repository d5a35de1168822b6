// The worst that holds requests up, for the overview. An analysis reads hours of many series: it is
// asked for seldom, and its answer outlives the view.

import { ANALYSIS_MS } from "../api/client";
import { login } from "../api/session";
import type { Insights } from "../api/types";
import { analysis } from "../lib/findings";
import { poll } from "./poll";

/** Findings are looked for anew after this time. */
export const EVERY_MS = 300_000;

/** How many the overview names. */
const MOST = 3;

export const worstFindings = poll<Insights>(() => analysis("insights", "6h", { limit: String(MOST) }), EVERY_MS, ANALYSIS_MS);

login.subscribe(() => worstFindings.forget());
