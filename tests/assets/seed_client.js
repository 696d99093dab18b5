class SurgerySchedulerWebSocket {
    constructor(token) {
        this.token = token;
        this.ws = null;
        this.reconnectAttempts = 0;
        this.maxReconnectAttempts = 5;
    }

    connect() {
        const wsUrl = `ws://localhost:8000/api/ws/ws?token=${this.token}`;
        this.ws = new WebSocket(wsUrl);

        this.ws.onopen = () => {
            console.log('WebSocket connected');
            this.reconnectAttempts = 0;
            this.startHeartbeat();
        };

        this.ws.onmessage = (event) => {
            const message = JSON.parse(event.data);
            this.handleMessage(message);
        };

        this.ws.onclose = () => {
            console.log('WebSocket disconnected');
            this.reconnect();
        };

        this.ws.onerror = (error) => {
            console.error('WebSocket error:', error);
        };
    }

    handleMessage(message) {
        switch (message.type) {
            case 'schedule_update':
                this.handleScheduleUpdate(message.data);
                break;
            case 'optimization_progress':
                this.handleOptimizationProgress(message.data);
                break;
            case 'conflict_notification':
                this.handleConflictNotification(message.data);
                break;
            case 'user_presence':
                this.handleUserPresence(message.data);
                break;
            case 'emergency_alert':
                this.handleEmergencyAlert(message.data);
                break;
            case 'system_notification':
                this.handleSystemNotification(message.data);
                break;
        }
    }

    sendHeartbeat() {
        if (this.ws && this.ws.readyState === WebSocket.OPEN) {
            this.ws.send(JSON.stringify({
                type: 'heartbeat',
                data: {
                    current_page: window.location.pathname,
                    active_schedule_date: this.getCurrentScheduleDate()
                }
            }));
        }
    }

    startHeartbeat() {
        setInterval(() => this.sendHeartbeat(), 30000); // Every 30 seconds
    }
}
