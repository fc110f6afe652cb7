!function(w,n,s,q){q=w[n]=w[n]||{_q:[]};if(q._q){["initialize","events.track","user.push","user.identify","user.logout","optIn","optOut"]
.forEach(function(m){var p=m.split("."),o=p[1]?(q[p[0]]=q[p[0]]||{}):q;o[p[1]||p[0]]=function(){q._q.push([m,arguments])}})}
q=document.createElement("script");q.async=1;q.src=s;document.head.appendChild(q)}(window,"Growlytics",{{ (host ~ "/sdk/growlytics.js") | tojson }});
Growlytics.initialize({ apiKey: {{ key | tojson }} });
