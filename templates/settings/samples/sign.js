const { createHmac } = require("node:crypto");

function signature(systemId) {
  const secret = process.env.GROWLYTICS_LOGIN_SECRET;
  return createHmac("sha256", secret).update(systemId, "utf8").digest("hex");
}
