// GraphiQL: who is signed in asks, with the token of forms.
const { React, ReactDOM, GraphiQL } = window;
const { "X-CSRF-Token": token } = JSON.parse(document.body.getAttribute("hx-headers"));

const fetcher = async (asked) => {
  const response = await fetch("/graphiql", {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRF-Token": token },
    body: JSON.stringify(asked),
  });
  return response.json();
};

const usual = `# The revenue of each region by day.
{
  aggregate(metric: "revenue_hourly", period: day, groupBy: ["region"]) {
    unit
    series { labels { name value } periods values }
  }
}
`;

const forcedTheme = document.documentElement.dataset.theme || "system";
ReactDOM.createRoot(document.getElementById("graphiql")).render(
  React.createElement(GraphiQL, { fetcher, forcedTheme, defaultQuery: usual }),
);
