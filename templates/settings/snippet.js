!function(w,d,n,s){if(w[n])return;var g=w[n]={_q:[]};
"initialize events.track user.push user.identify user.logout optIn optOut deviceId".split(" ").forEach(function(m){
var p=m.split("."),o=p[1]?g[p[0]]=g[p[0]]||{}:g;o[p[1]||m]=function(){g._q.push([m,arguments,Date.now()])}});
var e=d.createElement("script");e.async=1;e.src=s;d.head.appendChild(e)
}(window,document,"Growlytics",{{ (host ~ "/sdk/growlytics.js") | tojson }});
Growlytics.initialize({ apiKey: {{ key | tojson }} });
