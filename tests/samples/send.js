// Sends a sample with the call that the documents publish: node send.js SAMPLE URL KEY WAY [VALUES TO FILL IN, as JSON]
// `body: requestBody` alone, as published, is an error of the package `request`; a reader chooses one of the two ways.
// Prints the status and the body of the answer as JSON.
const request = require('request-promise');

const [sample, uri, key, way, filledIn = '{}'] = process.argv.slice(2);
const requestBody = require(`./${sample}.js`)(JSON.parse(filledIn));
const ways = {
  'as published': { body: requestBody },
  'json: true': { body: requestBody, json: true },
  'JSON.stringify': { body: JSON.stringify(requestBody) },
};

request({
  method: 'POST',
  uri,
  headers: {
    Accept: 'application/json',
    'x-growlytics-key': key,
  },
  ...ways[way],
}).then(
  (body) => console.log(JSON.stringify({ status: 200, body })),
  (error) => console.log(JSON.stringify({ status: error.statusCode, body: error.error })),
);
