/** What `import` gives. */

import { growlytics } from "./growlytics.js";

export default growlytics;
