// The sample for /rest-api/customer. As published it lacks the comma after `mobile`, and has the two values below to be
// filled in by the reader.
module.exports = ({ id = 'your-system-uniqe-id', lastOrderDate = 'YYYY-MM-DD HH:MM:SS' }) => ({
  id,
  attributes: [
    { name: 'name', type: 'string', value: `Customer Name` },
    { name: 'email', type: 'string', value: `customer_email@gmail.com` },
    { name: 'mobile', type: 'string', value: '9919211112' },

    { name: 'City', type: 'string', value: 'Mumbai' },
    { name: 'Total Orders', type: 'number', value: 1 },
    { name: 'Is First Time Purchaser', type: 'boolean', value: true },
    { name: 'Last Order Date', type: 'date', value: lastOrderDate },
  ],
});
