// The sample for /track/user, as published.
module.exports = () => ({
  id: 'lksjfiwowior',
  attributes: {
    name: 'John Wick',
    email: 'john@gmail.com',
    mobile: '9876543210',

    subscriptionType: 'pro',
    region: 'Mumbai',
    totalPurchaseTillNow: 30000,
  },
});
