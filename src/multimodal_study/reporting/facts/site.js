// Draws every plot of a page from the JSON that stands beside it. Nothing is fetched.
"use strict";
for (const box of document.querySelectorAll("[data-plot]")) {
  const figure = JSON.parse(document.getElementById("data-" + box.dataset.plot).textContent);
  Plotly.newPlot(box, figure.data, figure.layout, {
    responsive: true,
    displaylogo: false,
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
  });
}
