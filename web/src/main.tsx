// Puts the page together.

import { render } from "preact";
import "./style.css";
import { App } from "./app";
import * as session from "./api/session";
import * as clock from "./state/clock";
import * as live from "./state/live";
import * as route from "./state/route";
import * as theme from "./state/theme";

session.begin(window.location, window.history);
theme.begin();
clock.begin();
route.follow(window);
live.begin();

const page = document.getElementById("page");
if (page) render(<App />, page);
