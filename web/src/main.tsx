import "@fontsource-variable/source-serif-4/wght.css";
import "./style/tokens.css";
import "./style/base.css";
import "./style/parts.css";
import "./style/voices.css";
import { render } from "preact";
import { App } from "./app";

// A file dropped where nothing takes it would have the browser leave the page for it.
for (const name of ["dragover", "drop"] as const)
  addEventListener(name, (event) => {
    if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
  });

const root = document.getElementById("page");
if (root) render(<App />, root);
